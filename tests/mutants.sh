#!/usr/bin/env bash
# Puts one fault at a time into a copy of the numeric code and runs the tests, which must fail.
#
#     tests/mutants.sh            all faults, a few seconds each
#     tests/mutants.sh attention  those whose line holds this text
#
# A line of the list is a file and a sed script. A fault that no test notices is a hole in the tests:
# it is named SURVIVED, and the exit status is 1. So is one that changes nothing or does not compile.
set -euo pipefail
cd "$(dirname "$0")/.."

suites=(gradients math losses bert properties trainer)

faults() {
    cat <<'END'
autograd/linear.c s/dy\[i\] \*= slope\[i\];/(void)slope;/
autograd/linear.c s/1\.0f - y\[i\] \* y\[i\];/1.0f - y[i];/
autograd/linear.c s/y\[i\] > 0\.0f ? dy\[i\] : 0\.0f/dy[i]/
autograd/linear.c /db\[c\] = 0\.0f/,/^}/ s/r < rows; r++/r + 1 < rows; r++/
autograd/linear.c s/if (beta == 0\.0f)$/if (true)/
autograd/linear.c s/if (dw\.c \&\& /dw.beta = 0.0f; if (dw.c \&\& /
autograd/linear.c s/if (dx\.c \&\& /dx.beta = 0.0f; if (dx.c \&\& /
autograd/vector_math.h s/e \* 0\.39894228f/e * 0.3995f/
autograd/vector_math.h s/x < 0\.0f ? tail : 1\.0f - tail/tail/
autograd/vector_math.h s/t < 16\.0f ? t : 16\.0f/t/
autograd/linear.c s/b ? b->x + first : NULL/b ? b->x : NULL/
autograd/linear.c s/(size_t)f->out + (size_t)column;/(size_t)f->out;/
autograd/linear.c s/c + BLOCK < p->out ? c + BLOCK : p->out;/c + BLOCK < p->out ? c + BLOCK : p->out - 1;/
autograd/linear.c s/p->saved->act != EQB_ACT_NONE || p->db/p->db/
autograd/gemm.c s/t\.c += (size_t)\*row \* (size_t)p->ldc/t.c += (size_t)*row/
autograd/gemm.c s/if (p->bias) t\.bias += \*column;//
autograd/gemm.c s/p->bias ? 1\.0f : p->beta/p->beta/
autograd/gemm.c s/p->bias \&\& i < p->m; i++/p->bias \&\& i + 1 < p->m; i++/
autograd/gemm.h s/return p->bias + j;/return p->bias;/
autograd/gemm.h s/\*ld = p->bias ? 0 : /*ld = /
autograd/gemm.h s/return p->beta != 0\.0f ? /return false ? /
autograd/gemm.h s/return p->beta != 0\.0f ? /return true ? /
autograd/gemm.h s/p->c + (size_t)i \* \*ld + j : NULL/p->c + j : NULL/
autograd/gemm.c s/if (p->then) p->then(p->context, row, t/if (false) p->then(p->context, row, t/
autograd/gemm.c s/if (p->then) p->then(p->context, 0, p->m, j, end - j)/(void)0/
autograd/gemm_kernel.c s/if (p->then) p->then/if (false) p->then/
autograd/linear.c s/slope\[i\] = cdf + z .*/slope[i] = cdf;/
autograd/linear.c s/3\.0f \* k \* z/2.0f * k * z/
autograd/linear.c s/0\.044715f/0.0455f/
autograd/linear.c s/0\.5f \* z \* (1\.0f - t \* t)/0.5f * z * (1.0f - t)/
autograd/add_norm.c s/gain\[i\] - mean - xhat/gain[i] - xhat/
autograd/add_norm.c s/ - xhat\[i\] \* mean_dot/ - 0.0f * mean_dot/
autograd/add_norm.c s/mean_dot) \* inv_sigma;/mean_dot);/
autograd/add_norm.c s/if (threshold > 0) ds \*=/if (threshold < 0) ds *=/
autograd/add_norm.c s/(beta_r != 0\.0f ? dresidual\[i\] : 0\.0f) + ds/ds/
autograd/add_norm.c s/(beta_x != 0\.0f ? dx\[i\] : 0\.0f) + ds/ds/
autograd/add_norm.c s/dgain\[c\] += dy_row/dgain[c] = dy_row/
autograd/add_norm.c s/dgain && beta_gain == 0\.0f/dgain/
autograd/add_norm.c s/dbias && beta_bias == 0\.0f/dbias/
autograd/add_norm.c /dbias\[c\] = 0/,/^}/ s/r < rows; r++/r + 1 < rows; r++/
autograd/add_norm.c s/c + BLOCK < cols ? c + BLOCK : cols)/c + BLOCK < cols ? c + BLOCK - 1 : cols)/
autograd/add_norm.c s/float \*dr = eqbi_grad(g, residual, &beta_r), \*dx = eqbi_grad(g, x, &beta_x)/float *dx = eqbi_grad(g, x, \&beta_x), *dr = eqbi_grad(g, residual, \&beta_r)/
autograd/add_norm.c s/sqrtf(squares \* inv_n + epsilon)/sqrtf(squares * inv_n)/
autograd/add_norm.c s/squares \* inv_n + epsilon/squares \/ (float)(n - 1) + epsilon/
autograd/attention.c s/ - dot) \* scale;/ - dot);/
autograd/attention.c s/(size_t)c\] - dot) \* scale/(size_t)c]) * scale/
autograd/attention.c s/drops ? masked : h\.p, h\.length, true/h.p, h.length, true/
autograd/attention.c s/if (drops) mask_rows(dp, dp/if (!drops) mask_rows(dp, dp/
autograd/attention.c s/mix(dx\.k + keys, x\.ldkv, h\.length, dp, h\.length, true/mix(dx.k + keys, x.ldkv, h.length, dp, h.length, false/
autograd/attention.c s/mix(dx\.q + at, x\.ldq, h\.queries, dp, h\.length, false/mix(dx.q + at, x.ldq, h.queries, dp, h.length, true/
autograd/attention.c s/dp, h\.length, true, x\.q + at/dp, h.length, true, x.k + keys/
autograd/attention.c s/^            mix(dx\.k/            if (beta_kv == 0.0f) mix(dx.k/
autograd/attention.c /mix(dx\.q/,/beta_q);/ s/beta_q);/0.0f);/
autograd/attention.c /mix(dx\.k/,/beta_kv);/ s/beta_kv);/0.0f);/
autograd/attention.c /mix(dx\.v/,/beta_kv);/ s/beta_kv);/0.0f);/
autograd/attention.c s/if (!kv) beta_kv = beta_q;/if (!kv) beta_kv = 0.0f;/
autograd/attention.c s/mask_rows(dp, dp, h\.queries, h\.length, &s->mask, h\.first_row)/mask_rows(dp, dp, h.queries, h.length, \&s->mask, 0)/
autograd/attention.c s/h\.first_row = h\.query \* (size_t)s->heads + .*/h.first_row = h.query;/
autograd/attention.c s/size_t before = (size_t)a \* (size_t)h\.queries/size_t before = (size_t)a/
autograd/attention.c s/{transposed, false, rows, d, count/{false, false, rows, d, count/
autograd/attention.c s/lds, lda, ldo, beta,$/lds, lda, ldo, 0.0f,/
autograd/gemm_mix.c s/if (start) sum/if (false) sum/
autograd/gemm_mix.c s/= s->start ? .* + sum : sum;/= sum;/
autograd/gemm_mix.c s/s\.start = t > 0 ? s\.c : /s.start = /
autograd/gemm_mix.c s/s\.start = t > 0 ? s\.c : .*/s.start = t > 0 ? s.c : NULL;/
autograd/gemm_mix.c s/s->start + (size_t)r \* s->ldstart + j : NULL/s->start + j : NULL/
autograd/gemm_mix.c s/r = s->m \/ TALL \* TALL/r = s->m/
autograd/gemm_mix.c s/t + 1 < s->count ? b + ldb : b/b/
autograd/gemm_mix.c s/to\[r \* STRETCH + count\] = 0\.0f/to[r * STRETCH + count] = 1.0f/
autograd/gemm_mix.c s/s->a\[r \* STRETCH + t\]/s->a[t]/
autograd/gemm_mix.c s/t == 0 || t < p->k/t < p->k/
autograd/gemm.c s/p->m <= EQBI_MIX_ROWS \&\& !p->transpose_b/p->m <= EQBI_MIX_ROWS/
autograd/attention.c s/float scale = 1\.0f \/ sqrtf((float)d);/float scale = 1.0f \/ (float)d;/
autograd/gemm_kernel.c s/start = x > 0 ? c : /start = /
autograd/gemm_kernel.c s/start = x > 0 ? c : .*/start = x > 0 ? c : NULL;/
autograd/gemm_kernel.c s/start + (size_t)i \* ld + j : NULL/start + j : NULL/
autograd/gemm_kernel.c s/eqbi_gemm_start(p, i \* s->m, j/eqbi_gemm_start(p, 0, j/
autograd/gemm_kernel.c s/next_b = s->by_rows ? s->b : 0/next_b = 0/
autograd/gemm_kernel.c s/next_a = s->by_rows ? 0 : s->a/next_a = 0/
autograd/gemm_kernel.c s/pack_a(p, s, first \* s->inner + x, a)/pack_a(p, s, x, a)/
autograd/gemm_few.c s/(skipped + i) \* quads/i * quads/
autograd/gemm_few.c s/if (k % 2) {$/if (false) {/
autograd/gemm_few.c s/out\[1\] = 0\.0f/out[1] = 0.0f \/ 0.0f/
autograd/gemm_few.c s/start ? sum + .* : sum;/sum;/
autograd/gemm_few.c s/if (start) pair/if (false) pair/
autograd/gemm_few.c s/start + row \* ld + i/start + i/
autograd/gemm_few.c s/0, 2, 1, 3, 4, 6, 5, 7/0, 1, 2, 3, 4, 5, 6, 7/
autograd/recompute.c s/g->site = s->site;/g->site = 0;/
autograd/recompute.c s/x\.has_g = beta != 0\.0f;/x.has_g = false;/
autograd/recompute.c s/inside->needs_grad = result->needs_grad;//
autograd/gemm_kernel.c s/i + q, count - 1) \* ld + (size_t)t\]/i, count - 1) * ld + (size_t)t]/
autograd/gemm_kernel.c s/pack_rows(a, ROWS, p->a + (size_t)i \* ld + t/pack_rows(a, ROWS, p->a + (size_t)i * ld/
autograd/gemm_kernel.c s/i + ROWS <= m \&\& j + COLUMNS <= n/i + ROWS <= m/
autograd/linear.c s/return d ? d + first : NULL;/return d;/
autograd/linear.c s/saved->first = first;/saved->first = 0;/
engine/bert.c s/cls \&\& s < b->sequences/cls \&\& s + 1 < b->sequences/
engine/bert.c s/at\[i\] = u->place\[rows\[i\]\]/at[i] = i < u->count ? i : 0/
autograd/embed.c s/ && b->ids\[i\] != s->pad_id//
autograd/embed.c /_backward/,$ s/p = (size_t)(i - b->start\[q\])/p = 0/
autograd/embed.c /_backward/,$ s/b->types ? (size_t)b->types\[i\] : 0/0/
autograd/embed.c s/y\[i\] += x\[i\]/y[i] = x[i]/
autograd/embed.c /_backward/,$ s/i < b->start\[q + 1\]/i + 1 < b->start[q + 1]/
autograd/dropout.c s/(beta != 0\.0f ? to\[i\] : 0\.0f) +/0.0f * beta +/
autograd/dropout.c s/n->out, n->saved, beta/n->out, \&(mask_key){.scale = 2.0f}, beta/
autograd/masks.h s/g->site++/g->site/
autograd/masks.h s/1\.0f \/ (1\.0f - p)/1.0f/
autograd/gather.c s/\* cols + c\] += n->out/* cols + c] = n->out/
autograd/gather.c s/(size_t)s->index\[i\]\] +=/(size_t)s->index[i]] =/
autograd/gather.c s/d\[k\] += dy\[k\]/d[k] = dy[k]/
autograd/gather.c s/dy += eqbi_size(t)/dy += 0/
autograd/arithmetic.c s/n, -1\.0f/n, 1.0f/
autograd/arithmetic.c s/+= sign \*/= sign */
autograd/arithmetic.c s/\] += y->g\[AT(y, r, c)\];/] = y->g[AT(y, r, c)];/
autograd/arithmetic.c s/+= y->g\[AT(y, r, c)\] \* b->x/= y->g[AT(y, r, c)] * b->x/
autograd/arithmetic.c s/y->g\[AT(y, r, c)\] \* a->x\[AT(a, r, c)\]/y->g[AT(y, r, c)]/
autograd/arithmetic.c s/da\[i\] += factor \*/da[i] += 2.0f */
autograd/arithmetic.c s/b->cols == 1 ? 0 : 1/1/
autograd/matmul.c s/da, ldb, n, m, beta/da, ldb, n, m, 0.0f/
autograd/matmul.c s/db, n, lda, k, beta/db, n, lda, k, 0.0f/
autograd/matmul.c s/{!s->ta, false, k, n, m/{true, false, k, n, m/
autograd/unary.c s/UNARY(log, logf(v), 1\.0f \/ v)/UNARY(log, logf(v), 1.0f \/ w)/
autograd/unary.c s/1\.0f - w \* w/1.0f - w/
autograd/unary.c s/w \*(1\.0f - w)/w/
autograd/unary.c s/2\.0f \* v/v/
autograd/unary.c s/(beta != 0\.0f ? dx\[i\] : 0\.0f) + dy/0.0f * beta + dy/
autograd/softmax.c s/(y->g\[i\] - (float)dot)/y->g[i]/
autograd/softmax.c s/(beta != 0\.0f ? dx\[i\] : 0\.0f) + y->x/0.0f * beta + y->x/
autograd/softmax.c s/ - eqbi_expf_to_88(y\[i\]) \* total/ - total/
autograd/softmax.c s/(beta != 0\.0f ? dx\[i\] : 0\.0f) + dy/0.0f * beta + dy/
autograd/softmax.c s/x\[i\] - top - shift/x[i] - (top + shift)/
autograd/reduce.c s/n->out->g\[i \/ cols\]/n->out->g[0]/
autograd/reduce.c s/(beta != 0\.0f ? da\[i\] : 0\.0f) + n->out->g\[i/0.0f * beta + n->out->g[i/
autograd/reduce.c s/(beta != 0\.0f ? da\[i\] : 0\.0f) + n->out->g\[0/0.0f * beta + n->out->g[0/
autograd/tape.c s/\*beta = 1\.0f/*beta = 0.0f/
autograd/tape.c s/if (d && beta == 0\.0f)/if (d)/
autograd/tape.c s/^        recycle(g, n->out);//
autograd/tape.c s/if ((\*s)->size != size) continue;//
autograd/tape.c s/if (!n->out->has_g) continue;//
autograd/tape.c s/dx\[0\] = (beta != 0\.0f ? dx\[0\] : 0\.0f) + scale/dx[0] = scale/
autograd/tape.c s/dx\[0\] : 0\.0f) + scale/dx[0] : 0.0f) + 1.0f/
autograd/arena.c s/c->next = a->first;//
autograd/arena.c s/c->next = a->current->next;//
losses/mlm_loss.c s/dz\[label\] -= scale;//
autograd/softmax.c s/to\[i\] += scale/to[i] = scale/
losses/mlm_loss.c s/2\.0f \* scale \* p/scale * p/
losses/mlm_loss.c s/(e - (float)dot)/e/
losses/mlm_loss.c s/labels\[r\] < 0 || weight == 0\.0f/weight == 0.0f/
losses/mlm_loss.c s/factor \* weight/factor/
losses/mlm_loss.c s/if (d \&\& beta == 0\.0f) memset.*/;/
losses/mlm_loss.c s/(beta != 0\.0f ? dz\[i\] : 0\.0f) + 2/2/
autograd/softmax.c s/^    if (beta == 0\.0f)$/    if (true)/
losses/mlm_loss.c s/(double)weight \* l;/l;/
losses/pair_loss.c s/b\[i\] = -a\[i\]/b[i] = a[i]/
losses/pair_loss.c s/(double)b\[i\] - mean/(double)b[i]/
losses/pair_loss.c s/(u - kl_pq) + p - q/(u - kl_pq)/
losses/pair_loss.c s/q \* (-u - kl_qp)/q * (-u)/
losses/pair_loss.c s/(u - kl_pm)/u/
losses/pair_loss.c s/0\.5 \* q \* (v - kl_qm)/q * (v - kl_qm)/
losses/pair_loss.c s/dz\[female + (size_t)partner(pair, column)\]/dz[female + (size_t)column]/
losses/pair_loss.c s/dz\[male + (size_t)column\] +=/dz[male + (size_t)column] =/
losses/pair_loss.c s/scale \* b\[i\]/b[i]/
losses/pair_loss.c s/if (e\[1\] == column) return e\[0\];//
losses/keep_loss.c s/eqbi_expf_to_88(log_s\[i\]) - t/eqbi_expf_to_88(log_s[i])/
losses/keep_loss.c s/factor \* weight/factor/
losses/keep_loss.c s/support\[i\] : i)\] += d/support[i] : i)] = d/
losses/keep_loss.c s/(size_t)(support ? support\[i\] : i);/(size_t)i;/
losses/midpoint_loss.c s/expf(log_p\[i\]) - t/expf(log_p[i])/
losses/midpoint_loss.c s/dz\[i\] += 0\.5f/dz[i] = 0.5f/
losses/midpoint_loss.c s/0\.5f \* (c\[i\] + d\[i\])/c[i]/
losses/midpoint_loss.c s/factor \* pairs\[k\]\.weight/factor/
losses/midpoint_loss.c s/0\.5f \* scale/scale/
engine/bert.c s/h, &p->norm2_g, &p->norm2_b/x, \&p->norm2_g, \&p->norm2_b/
engine/bert.c /static tensor .pool(/,/^}/ s/EQB_ACT_TANH/EQB_ACT_NONE/
engine/bert.c s/m->config\.hidden_act);/EQB_ACT_GELU);/
engine/bert.c s/h, &p->norm2_g, &p->norm2_b, c->layer_norm_eps, c->hidden_dropout/h, \&p->norm2_g, \&p->norm2_b, c->layer_norm_eps, 0.0f/
engine/bert.c s/num_heads, c->attention_dropout/num_heads, c->hidden_dropout/
engine/bert.c s/return eqbi_dropout(g, x, c->hidden_dropout)/return x/
engine/session.c s/eqbi_arena_rewind(&s->g->mem, mark);//
engine/session.c s/sum \/ (to - from)/sum \/ (to - from + 1)/
engine/model.c s/e->decay = e->dims == 2/e->decay = true/
engine/model.c s/if (!t->has_g) memset/if (false) memset/
trainer/adamw.c s/(1\.0f - b2) \* d \* d/(1.0f - b2) * d/
trainer/adamw.c s/float d = g\[i\] \* clip/float d = g[i]/
trainer/adamw.c s/1\.0 - pow(o->options\.beta2, t)/1.0 - o->options.beta2/
trainer/adamw.c s/part\[i\]\.decay ? decayed/part[i].decay ? 1.0f/
trainer/adamw.c s/from < size \&\& !o->frozen\[i\]/from < size/
trainer/adamw.c s/size - from < BLOCK ? size - from : BLOCK/BLOCK \/ 2/
END
}

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Makefile base autograd tokenizer engine losses weights trainer tests "$copy"
[ ! -d ../shared ] || ln -s "$PWD/../shared" "$copy/shared"
cd "$copy"
build=build/mutants

run_tests() { (timeout 300 "$build/run_tests" "${suites[@]}" >log 2>&1 || exit 1) 2>/dev/null; }
compile() { make -s -j2 "$build/run_tests" BUILD="$build" OPT=-O1 >log 2>&1; }

if ! compile || ! run_tests; then
    tail -n 20 log
    echo "the tests fail before any fault was put in"
    exit 1
fi
killed=0 holes=0
while read -r file script; do
    [[ "$file $script" == *"${1:-}"* ]] || continue
    cp "$file" original
    sed -i "$script" "$file"
    if cmp -s "$file" original; then
        verdict="NO CHANGE"
    elif ! compile; then
        verdict="NOT COMPILED"
    elif run_tests; then
        verdict="SURVIVED"
    else
        verdict="killed"
    fi
    cp original "$file"
    if [ "$verdict" = killed ]; then killed=$((killed + 1)); else holes=$((holes + 1)); fi
    printf '%-12s %s %s\n' "$verdict" "$file" "$script"
done < <(faults)
echo "$killed killed, $holes not"
[ "$holes" -eq 0 ]
