/* Pickles: what a table of tensors may be, and what is refused, in the legacy container. */
#include "tests/formats_testing.h"
#include "weights/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS "proto:2 empty_list mark text:0 appends stop"
#define PAIR(value) "proto:2 empty_dict text:w " value "setitem stop"
#define FLOATS STORAGE("FloatStorage", "0", "6")
#define SIX "int:6 tuple1 int:1 tuple1 "
#define PARAMETER "global:torch._utils._rebuild_parameter "

/* A file of this table, of one storage "0" with six floats. */
static bytes file_of(const char *table)
{
    bytes b = {0};
    put_legacy(&b, table, KEYS);
    put_storage(&b, 6);
    return b;
}

START_TEST(test_tables)
{
    static const char *const tables[] = {
        TABLE,
        "proto:2 " HOOKS "put:0 text:w " TENSOR "setitem stop",
        "proto:2 empty_dict mark text:w " TENSOR "setitems stop",
        "proto:5 empty_dict text:w " TENSOR "setitem stop",
        "empty_dict text:w " TENSOR "setitem stop",
        /* attributes of an OrderedDict; values that are no tensors; nested containers */
        "proto:2 " HOOKS "put:0 mark text:w " TENSOR "setitems empty_dict text:_metadata " HOOKS
        "text:x empty_dict setitem setitem build stop",
        "proto:2 empty_dict mark text:w " TENSOR "text:epoch int1:3 text:list empty_list mark "
        "text:a int2:7 appends text:one empty_list newtrue append setitems stop",
        /* the memo: put, put again, got in both widths */
        "proto:2 empty_dict put:0 text:w put:1 put:1 " TENSOR "lput:2 setitem text:epoch get:1 "
        "setitem text:again lget:1 setitem stop",
        /* a parameter; a seventh argument; numbers of 0, 2 and 8 bytes */
        PAIR(PARAMETER TENSOR "newtrue " HOOKS "tuple3 reduce "),
        PAIR("global:torch._utils._rebuild_tensor_v2 mark " FLOATS "int:0 " SIX "newfalse " HOOKS
             "none tuple reduce "),
        PAIR(REBUILD(FLOATS, "0", "hex:8a00 hex:8a020600 tuple2 ", "hex:8a080600000000000000 int:1 "
                     "tuple2 ")),
        /* a scalar, an empty tensor, odd strides where they do not matter, a view device */
        PAIR(REBUILD(FLOATS, "5", "empty_tuple ", "empty_tuple ")),
        PAIR(REBUILD(FLOATS, "6", "int:0 int:7 tuple2 ", "int:9 int:9 tuple2 ")),
        PAIR(REBUILD(FLOATS, "0", "int:1 int:6 int:1 tuple3 ", "int:77 int:1 int:0 tuple3 ")),
        PAIR(REBUILD("mark text:storage global:torch.FloatStorage text:0 text:cuda:1 int:6 none "
                     "tuple binpersid ", "0", "int:6 tuple1 ", "int:1 tuple1 ")),
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        eqb_error err = {0};
        bytes b = file_of(tables[i]);
        eqb_status status = parse_exactly(eqbi_torch_parse, b.data, b.size, &err);
        ck_assert_msg(status == EQB_OK, "%zu: %s", i, err.message);
        free(b.data);
    }
}
END_TEST

/* Every operation where it must not stand; each message says why. */
START_TEST(test_misuse)
{
    static const char *const cases[][2] = {
        {"proto:6 ", "(PROTO): protocol 6, at most 5 is known"},
        {"stop", "(STOP): the stack is empty"},
        {"mark stop", "(STOP): finds a mark instead of a value"},
        {"none none stop", "(STOP): 2 values are left on the stack, expected 1"},
        {"none stop", "is no dictionary of tensors"},
        {"empty_dict stop", "has no tensors at the top level (a training checkpoint?)"},
        {"empty_dict text:state_dict empty_dict text:w " TENSOR "setitem setitem stop",
         "has no tensors at the top level (a training checkpoint?)"},
        {"tuple ", "(TUPLE): there is no mark on the stack"},
        {"none tuple ", "(TUPLE): there is no mark on the stack"},
        {"tuple1 ", "(TUPLE1): the stack is empty"},
        {"none tuple2 ", "(TUPLE2): the stack is empty"},
        {"none none tuple3 ", "(TUPLE3): the stack is empty"},
        {"none mark none tuple3 ", "(TUPLE3): finds a mark instead of a value"},
        {"setitem ", "(SETITEM): the stack is empty"},
        {"none none setitem ", "(SETITEM): the stack is empty"},
        {"none none none setitem ", "(SETITEM): the container is no dictionary"},
        {"empty_list none none setitem ", "(SETITEM): the container is no dictionary"},
        {"mark none none setitem ", "(SETITEM): finds a mark instead of a value"},
        {"setitems ", "(SETITEMS): there is no mark on the stack"},
        {"mark setitems ", "(SETITEMS): the stack is empty"},
        {"none mark setitems ", "(SETITEMS): the container is no dictionary"},
        {"empty_dict mark none setitems ", "(SETITEMS): a key without a value"},
        {"empty_dict int1:1 " TENSOR "setitem ", "(SETITEM): the name of a tensor is no text"},
        {"append ", "(APPEND): the stack is empty"},
        {"empty_dict none append ", "(APPEND): the container is no list"},
        {"appends ", "(APPENDS): there is no mark on the stack"},
        {"empty_dict mark none appends ", "(APPENDS): the container is no list"},
        {"put:0 ", "(BINPUT): the stack is empty"},
        {"mark put:0 ", "(BINPUT): finds a mark instead of a value"},
        {"none put:1 ", "(BINPUT): memo 1 comes out of turn, expected 0"},
        {"none lput:4294967295 ", "(LONG_BINPUT): memo 4294967295 comes out of turn, expected 0"},
        {"get:0 ", "(BINGET): memo 0 is not there, only 0 are"},
        {"none put:0 get:1 ", "(BINGET): memo 1 is not there, only 1 are"},
        {"none put:0 lget:65536 ", "(LONG_BINGET): memo 65536 is not there, only 1 are"},
        {"build ", "(BUILD): the stack is empty"},
        {"none empty_dict build ", "(BUILD): gives attributes to something that is no dictionary"},
        {"empty_dict none build ", "(BUILD): gives attributes to something that is no dictionary"},
        {"reduce ", "(REDUCE): the stack is empty"},
        {"none empty_tuple reduce ", "(REDUCE): calls something that is no function"},
        {"global:torch.FloatStorage empty_tuple reduce ",
         "(REDUCE): calls something that is no function"},
        {TENSOR "empty_tuple reduce ", "(REDUCE): calls something that is no function"},
        {"global:collections.OrderedDict none reduce ", "(REDUCE): the arguments are no tuple"},
        {"global:collections.OrderedDict none tuple1 reduce ",
         "(REDUCE): OrderedDict is given contents, expected none"},
        {PARAMETER "empty_tuple reduce ",
         "(REDUCE): the arguments of _rebuild_parameter are wrong"},
        {PARAMETER "none newtrue none tuple3 reduce ",
         "(REDUCE): the arguments of _rebuild_parameter are wrong"},
        {PARAMETER TENSOR "newtrue tuple2 reduce ",
         "(REDUCE): the arguments of _rebuild_parameter are wrong"},
        {"binpersid ", "(BINPERSID): the stack is empty"},
        {"none binpersid ", "(BINPERSID): the persistent id is no tuple"},
        {"hex:8a09000000000000000000 ", "(LONG1): a number of 9 bytes, at most 8 are read"},
        {"hex:ff ", "(no operation): 0xff is no operation of a pickle"},
        {"hex:00 ", "(no operation): 0x00 is no operation of a pickle"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = file_of(cases[i][0]);
        eqb_error err = {0};
        ck_assert_msg(parse_exactly(eqbi_torch_parse, b.data, b.size, &err) == EQB_ERR_MODEL, "%s",
                      cases[i][1]);
        ck_assert_msg(strstr(err.message, cases[i][1]) != NULL, "%s: %s", cases[i][1], err.message);
        free(b.data);
    }
}
END_TEST

/* Operations that pickles have and tables of tensors do not; what they would do does not matter. */
START_TEST(test_refused_operations)
{
    static const char *const cases[][2] = {
        {"30", "POP"}, {"31", "POP_MARK"}, {"32", "DUP"}, {"46", "FLOAT"}, {"47", "BINFLOAT"},
        {"49", "INT"}, {"4c", "LONG"}, {"8b", "LONG4"}, {"53", "STRING"}, {"54", "BINSTRING"},
        {"55", "SHORT_BINSTRING"}, {"56", "UNICODE"}, {"42", "BINBYTES"},
        {"43", "SHORT_BINBYTES"}, {"64", "DICT"}, {"6c", "LIST"}, {"69", "INST"}, {"6f", "OBJ"},
        {"70", "PUT"}, {"67", "GET"}, {"50", "PERSID"}, {"81", "NEWOBJ"}, {"82", "EXT1"},
        {"83", "EXT2"}, {"84", "EXT4"}, {"8c", "SHORT_BINUNICODE"}, {"8d", "BINUNICODE8"},
        {"8e", "BINBYTES8"}, {"8f", "EMPTY_SET"}, {"90", "ADDITEMS"}, {"91", "FROZENSET"},
        {"92", "NEWOBJ_EX"}, {"93", "STACK_GLOBAL"}, {"94", "MEMOIZE"}, {"95", "FRAME"},
        {"96", "BYTEARRAY8"}, {"97", "NEXT_BUFFER"}, {"98", "READONLY_BUFFER"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[64], message[128];
        snprintf(table, sizeof table, "proto:2 hex:%s stop", cases[i][0]);
        snprintf(message, sizeof message, "f: byte %d (%s): is not part of a table of tensors, "
                 "refused", LEGACY_TABLE_AT + 2, cases[i][1]);
        bytes b = file_of(table);
        check_refused(eqbi_torch_parse, &b, message);
        free(b.data);
    }
}
END_TEST

START_TEST(test_forbidden_names)
{
    static const char *const names[] = {
        "os.system", "posix.system", "nt.system", "subprocess.Popen", "subprocess.check_output",
        "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__",
        "__builtin__.eval", "importlib.import_module", "runpy.run_path", "pickle.loads",
        "torch.load", "torch.hub.load", "torch._utils._rebuild_tensor", "shutil.rmtree",
        "webbrowser.open", "socket.socket", "collections.Counter", "torch.FloatStorage.x",
        "torch.floatstorage", "Torch.FloatStorage", "operator.attrgetter"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char table[256], message[256];
        snprintf(table, sizeof table, "global:%s text:true tuple1 reduce stop", names[i]);
        snprintf(message, sizeof message, "f: byte %d (GLOBAL): asks for %s, which no table of "
                 "tensors needs: refused, and nothing in the file was run", LEGACY_TABLE_AT,
                 names[i]);
        bytes b = file_of(table);
        check_refused(eqbi_torch_parse, &b, message);
        free(b.data);
    }
}
END_TEST

START_TEST(test_wrong_tensors)
{
    static const char *const wrong = "the arguments of _rebuild_tensor_v2 are wrong";
    static const char *const id = "the persistent id is not that of a storage";
    static const char *const beyond = "the tensor reaches beyond the 6 elements of its storage";
    static const char *const strides = "the strides are not those of a whole tensor";
#define REDUCED(arguments) "global:torch._utils._rebuild_tensor_v2 " arguments "reduce "
#define SHAPED(shape, strides) REBUILD(FLOATS, "0", shape, strides)
    const char *const cases[][2] = {
        {REDUCED("empty_tuple "), wrong},
        {REDUCED("mark none int:0 " SIX "newfalse " HOOKS "tuple "), wrong},
        {REDUCED("mark " FLOATS "none " SIX "newfalse " HOOKS "tuple "), wrong},
        {REDUCED("mark " FLOATS "int:-1 " SIX "newfalse " HOOKS "tuple "), wrong},
        {REDUCED("mark " FLOATS "int:0 int:6 int:1 newfalse " HOOKS "tuple "), wrong},
        {REDUCED("mark " FLOATS "int:0 " SIX "none " HOOKS "tuple "), wrong},
        {REDUCED("mark " FLOATS "int:0 " SIX "newfalse none tuple "), wrong},
        {REDUCED("mark " FLOATS "int:0 " SIX "newfalse " HOOKS "none none tuple "), wrong},
        {"mark tuple binpersid ", id},
        {"mark text:module global:torch.FloatStorage text:0 text:cpu int:6 tuple binpersid ", id},
        {"mark text:storage text:FloatStorage text:0 text:cpu int:6 tuple binpersid ", id},
        {"mark text:storage global:collections.OrderedDict text:0 text:cpu int:6 tuple binpersid ",
         id},
        {"mark text:storage global:torch.FloatStorage int:0 text:cpu int:6 tuple binpersid ", id},
        {"mark text:storage global:torch.FloatStorage text:0 none int:6 tuple binpersid ", id},
        {STORAGE("FloatStorage", "0", "-1"), id},
        {"mark text:storage global:torch.FloatStorage text:0 text:cpu int:6 " SIX
         "tuple binpersid ",
         "the storage is a view of another one, which is unsupported"},
        {SHAPED("int:7 tuple1 ", "int:1 tuple1 "), beyond},
        {REBUILD(FLOATS, "1", "int:6 tuple1 ", "int:1 tuple1 "), beyond},
        {REBUILD(FLOATS, "7", "int:0 tuple1 ", "int:1 tuple1 "), beyond},
        {SHAPED("hex:8a080000000000000040 int:4 tuple2 ", "int:4 int:1 tuple2 "), beyond},
        {SHAPED("int:6 tuple1 ", "int:1 int:1 tuple2 "),
         "the tensor has 1 dimensions and 2 strides"},
        {SHAPED("int:6 tuple1 ", "int:2 tuple1 "), strides},
        {SHAPED("int:6 tuple1 ", "int:0 tuple1 "), strides},
        {SHAPED("int:2 int:3 tuple2 ", "int:1 int:1 tuple2 "), strides},
        {SHAPED("int:2 int:3 tuple2 ", "int:3 hex:8a08ffffffffffffff7f tuple2 "), strides},
        {SHAPED("int:1 int:2 int:3 tuple3 ", "int:1 int:1 int:2 tuple3 "), strides},
        {SHAPED("int:-6 tuple1 ", "int:1 tuple1 "), "shape and strides must be whole numbers"},
        {SHAPED("int:6 tuple1 ", "int:-1 tuple1 "), "shape and strides must be whole numbers"},
        {SHAPED("none tuple1 ", "int:1 tuple1 "), "shape and strides must be whole numbers"},
        {SHAPED("mark int:1 int:1 int:1 int:1 int:1 int:1 int:1 int:1 int:1 tuple ",
                "mark int:1 int:1 int:1 int:1 int:1 int:1 int:1 int:1 int:1 tuple "),
         "a tensor of 9 dimensions, at most 8 are read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[1024];
        snprintf(table, sizeof table, "proto:2 empty_dict text:w %ssetitem stop", cases[i][0]);
        bytes b = file_of(table);
        eqb_error err = {0};
        ck_assert_int_eq(parse_exactly(eqbi_torch_parse, b.data, b.size, &err), EQB_ERR_MODEL);
        ck_assert_msg(strstr(err.message, cases[i][1]) != NULL, "%zu: %s", i, err.message);
        free(b.data);
    }
}
END_TEST

START_TEST(test_transposed)
{
    eqb_error err = {0};
    eqbi_tensor_file file;
    bytes b = file_of(PAIR(REBUILD(FLOATS, "0", "int:2 int:3 tuple2 ", "int:1 int:2 tuple2 ")));
    ck_assert_int_eq(eqbi_torch_parse(&file, b.data, b.size, "f", NULL, &err), EQB_OK);
    const eqbi_file_tensor *t = eqbi_tensor_file_find(&file, "w");
    ck_assert(t && t->transposed && t->dims == 2 && t->shape[0] == 2 && t->shape[1] == 3);
    eqbi_tensor_file_close(&file);
    free(b.data);
}
END_TEST

START_TEST(test_names)
{
    bytes b = file_of("proto:2 empty_dict text:w " TENSOR "setitem text:w " TENSOR "setitem stop");
    check_refused(eqbi_torch_parse, &b, "f: w: appears twice");
    free(b.data);
    static const char *const ill[] = {"hex:5801000000ff ", "hex:5803000000610061 ",
                                      "hex:5803000000eda080 "};
    for (size_t i = 0; i < sizeof ill / sizeof *ill; i++) {
        char table[1024];
        snprintf(table, sizeof table, "proto:2 empty_dict %s%ssetitem stop", ill[i], TENSOR);
        b = file_of(table);
        check_refused(eqbi_torch_parse, &b, "f: the name of a tensor is not UTF-8");
        free(b.data);
    }
    /* One long name a thousand times, got from the memo: not a thousand copies. */
    bytes table = {0};
    put_pickle(&table, "proto:2 empty_dict hex:5800040000 ");
    for (int i = 0; i < 1024; i++) put_text(&table, "n");
    put_pickle(&table, "put:0 " TENSOR "put:1 setitem ");
    for (int i = 0; i < 1000; i++) put_pickle(&table, "get:0 get:1 setitem ");
    put_pickle(&table, "stop");
    b = (bytes){0};
    put_legacy(&b, "", "");
    put(&b, table.data, table.size);
    put_pickle(&b, KEYS);
    put_storage(&b, 6);
    check_refused(eqbi_torch_parse, &b, "f: the name of a tensor appears twice");
    free(b.data);
    free(table.data);
}
END_TEST

/* What grows without end: the stack, and the contents of tuples that are thrown away. */
START_TEST(test_endless_pickles)
{
    static const char *const cases[][2] = {
        {"none ", "(NONE): the stack is deeper than 4096 values"},
        {"mark ", "(MARK): the stack is deeper than 4096 values"},
        {"none none tuple2 none setitem ", "(TUPLE2): needs more than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = {0};
        put_legacy(&b, "proto:2 empty_dict ", "");
        for (int k = 0; k < 20000; k++) put_pickle(&b, cases[i][0]);
        eqb_error err = {0};
        ck_assert_int_eq(parse_exactly(eqbi_torch_parse, b.data, b.size, &err), EQB_ERR_MODEL);
        ck_assert_msg(strstr(err.message, cases[i][1]) != NULL, "%s", err.message);
        free(b.data);
    }
}
END_TEST

/* Two names for one storage are usual, fifty are an attack on our time. */
START_TEST(test_shared_storage)
{
    static const char tensor[] =
        REBUILD(STORAGE("FloatStorage", "0", "4000"), "0", "int:4000 tuple1 ", "int:1 tuple1 ");
    for (int names = 2; names <= 50; names += 48) {
        bytes table = {0}, file = {0};
        put_text(&table, "proto:2 empty_dict mark ");
        for (int i = 0; i < names; i++) {
            char name[32];
            snprintf(name, sizeof name, "text:t%d ", i);
            put_text(&table, name);
            put_text(&table, tensor);
        }
        put(&table, "setitems stop", 14);
        put_legacy(&file, (char *)table.data, "proto:2 empty_list text:0 append stop");
        put_storage(&file, 4000);
        eqb_error err = {0};
        eqb_status status = parse_exactly(eqbi_torch_parse, file.data, file.size, &err);
        ck_assert_int_eq(status, names == 2 ? EQB_OK : EQB_ERR_MODEL);
        if (names > 2)
            ck_assert_str_eq(err.message, "f: its tensors share bytes, together more than 16 times "
                                          "the file");
        free(file.data);
        free(table.data);
    }
}
END_TEST

START_TEST(test_legacy_container)
{
    static const struct {
        const char *keys;
        uint64_t numel; /* as the file says */
        size_t cut;     /* bytes missing at the end */
        const char *message;
    } cases[] = {
        {"none stop", 6, 0, "f: has no list of storages"},
        {"empty_list stop", 6, 0, "f: storage 0: is missing"},
        {"empty_list text:1 append stop", 6, 0, "f: storage 1: belongs to no tensor"},
        {KEYS, 7, 0, "f: storage 0: has another number of elements"},
        {KEYS, 5, 0, "f: storage 0: has another number of elements"},
        {KEYS, 6, 1, "f: storage 0: reaches beyond the end of the file"},
        {KEYS, 6, 24, "f: storage 0: reaches beyond the end of the file"},
        {KEYS, 6, 25, "f: storage 0: is missing"},
        {KEYS, 6, SIZE_MAX, "f: goes on after its last storage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = {0};
        put_legacy(&b, TABLE, cases[i].keys);
        put_number(&b, cases[i].numel, 8);
        for (int k = 0; k < 6; k++) put_number(&b, 0, 4);
        if (cases[i].cut == SIZE_MAX)
            put_number(&b, 0, 1);
        else
            b.size -= cases[i].cut;
        check_refused(eqbi_torch_parse, &b, cases[i].message);
        free(b.data);
    }
    bytes b = {0}; /* the same key twice, with room for both */
    put_legacy(&b, TABLE, "empty_list mark text:0 text:0 appends stop");
    put_storage(&b, 6);
    put_storage(&b, 6);
    check_refused(eqbi_torch_parse, &b, "f: storage 0: appears twice");
    b.data[18] = 0; /* the protocol's number */
    check_refused(eqbi_torch_parse, &b, "f: is of another protocol than 1001");
    free(b.data);
}
END_TEST

START_TEST(test_damaged_pickle)
{
    bytes b = file_of("proto:2 " HOOKS "put:0 mark text:w put:1 " TENSOR "put:2 text:v " PARAMETER
                      TENSOR "newtrue " HOOKS "tuple3 reduce put:3 setitems empty_dict "
                      "text:_metadata get:0 setitem build stop");
    check_damage(eqbi_torch_parse, &b);
    check_no_memory(eqbi_torch_parse, &b);
    free(b.data);
}
END_TEST

TCase *formats_pickle_tests(void)
{
    TCase *tests = tcase_create("pickle");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_tables);
    tcase_add_test(tests, test_misuse);
    tcase_add_test(tests, test_refused_operations);
    tcase_add_test(tests, test_forbidden_names);
    tcase_add_test(tests, test_wrong_tensors);
    tcase_add_test(tests, test_transposed);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_endless_pickles);
    tcase_add_test(tests, test_shared_storage);
    tcase_add_test(tests, test_legacy_container);
    tcase_add_test(tests, test_damaged_pickle);
    return tests;
}
