#!/usr/bin/env python3
"""Short everyday English documents to pretrain the small shipped BERT.

Run:  python3 weights/mini/everyday.py --documents 30000 > everyday.txt
      python3 weights/mini/everyday.py --documents 30000 --report > /dev/null

A document is 1-4 paragraphs, one a line; a blank line ends it.  Everything is
written here from sentence patterns; no text comes from a data set.  Gender is
tied to a job only through one number, the share of women among the people in
it: it decides how often the worker of a document is a woman.

Sources of the shares: US Bureau of Labor Statistics, Current Population
Survey, Table 11 (employed persons by detailed occupation and sex).  BLS_2019:
the 2019 figures as tabulated by Bartl, Nissim and Gatt (2020).  ROUNDED: the
same table from memory to the nearest 5 %, with 1 where that would be 0; for
jobs it does not list (soldier, astronaut, model, mayor ...) a rough estimate.

The same seed gives the same text.  A document holding a sentence of
pairs.jsonl (--avoid), the training pairs, is dropped and made anew.
"""

import argparse
import json
import os
import random
import re
import sys

# job | women, per cent | place | tools | what the worker does
BLS_2019 = """
kindergarten teacher|98.7|in a kindergarten|crayons, picture books|teach small children songs;read stories to the children;help the children with their coats
dental hygienist|96|in a dental clinic|a mask, a mirror|clean teeth;remove plaque;explain how to brush teeth
speech therapist|95.8|at a school|picture cards, a recorder|help children to speak clearly;practise difficult sounds with {his} patients;listen to every word
dental assistant|94.9|in a dental clinic|gloves, a tray|hand instruments to the dentist;prepare the chair for patients;wash the instruments
childcare worker|93.4|in a nursery|toys, blankets|look after small children;play with the toddlers;prepare snacks for the children
records technician|93.3|in a hospital office|files, a computer|sort medical files;check patient records;type codes into a computer
secretary|93.2|in an office|a keyboard, a calendar|type letters;answer the phone;plan meetings for {his} boss;write the minutes of every meeting
medical assistant|92.7|in a clinic|a chart, a thermometer|measure blood pressure;call the patients from the waiting room;prepare the examination room
hairdresser|92.3|in a hair salon|scissors, a comb|cut hair;wash and dry hair;chat with {his} customers;colour long hair
dietitian|92.1|in a hospital|a scale, a food diary|plan healthy meals;give advice about food;count vitamins and calories
vocational nurse|90.8|in a nursing home|bandages, a chart|care for old patients;change bandages;hand out medicine
teacher assistant|89.7|in a primary school|worksheets, pencils|help pupils with their reading;copy worksheets for the class;sit beside the slower readers
paralegal|89.6|in a law office|contracts, a folder|prepare papers for the court;search old law cases;file contracts
billing clerk|89.5|in an office|invoices, a calculator|send bills to customers;check invoices;record payments
phlebotomist|89.3|in a laboratory|a needle, small tubes|take blood samples;label tubes of blood;calm nervous patients
receptionist|89.3|at the front desk|a telephone, a guest book|welcome visitors;answer phone calls;hand out room keys;greet guests with a smile
housekeeper|89|in a hotel|a mop, clean sheets|make the beds;dust the furniture;clean the bathrooms;fold fresh towels
nurse|88.9|in a hospital|a thermometer, bandages|care for sick people;check the temperature of {his} patients;give injections;dress wounds;comfort worried patients
bookkeeper|88.5|in a small company|a ledger, receipts|record every payment;add up long columns of numbers;balance the books;keep the receipts in order
health aide|88.3|in private homes|a walker, gloves|wash and dress old people;help sick people at home;cook light meals for {his} patients
plasterer|0.7|on building sites|a trowel, plaster|smooth walls with plaster;seal the joints in the ceiling;repair cracks in walls
steel worker|0.9|on tall buildings|a harness, steel beams|join steel beams;climb high frames;bolt beams together
equipment mechanic|1.3|in a repair yard|a grease gun, spare parts|repair diggers and tractors;replace broken hoses;oil heavy machines
bus mechanic|1.5|in a bus depot|a jack, diesel parts|repair buses;test the brakes of old buses;change the oil of diesel engines
mechanic|1.5|in a garage|a wrench, engine oil|repair cars;change tyres;check the brakes;replace old engines;crawl under cars
heating mechanic|1.5|in cold cellars|a gauge, copper pipes|install boilers;repair air conditioners;clean old heaters
line installer|1.6|on tall poles|a hard hat, cables|climb power poles;repair power lines after storms;connect houses to the grid
operating engineer|1.7|on building sites|a bulldozer, levers|drive a bulldozer;dig deep holes;move piles of earth
logger|1.8|in the forest|a chainsaw, an axe|cut down trees;load logs onto trucks;sharpen {his} saw
floor installer|1.9|in new houses|tiles, glue|lay carpets;cut tiles to size;measure floors
roofer|1.9|on roofs|a ladder, tiles|repair roofs;nail tiles to the roof;climb long ladders;stop leaks in old roofs
mining operator|2|in a mine|a drill, a headlamp|drive a huge drill;load coal onto belts;work deep under the ground
electrician|2.2|in new buildings|wires, a tester|repair wires;install lamps and switches;check the fuse box;connect cables
car body repairer|2.2|in a workshop|paint, a hammer|flatten dents;paint damaged cars;replace broken windscreens
train conductor|2.4|on a train|a whistle, a ticket machine|check tickets;blow {his} whistle at the station;announce the next stop
plumber|2.7|in kitchens and bathrooms|a wrench, pipes|fix pipes;repair leaking taps;clear blocked drains;install new toilets;carry {his} tools into the bathroom
carpenter|2.8|in a workshop|a hammer, a saw|build wooden tables;saw planks;nail boards together;repair old doors;measure wood with care
alarm installer|2.9|in shops and offices|sensors, a drill|install alarms;test smoke detectors;hang cameras above doors
mason|3|on building sites|cement, a trowel|build stone walls;mix cement;pour concrete floors
firefighter|3.3|at the fire station|a hose, a helmet|put out fires;rescue people from burning houses;climb ladders with {his} hose;rush to accidents
salesperson|48.5|in a shop|a price list, a till|sell shoes and clothes;help customers to choose;arrange goods on the shelves;wrap parcels for {his} customers
religious director|48.6|at a church|hymn books, a calendar|plan church classes;organise youth groups;invite speakers
crossing guard|48.6|near a school|a stop sign, a yellow vest|stop the cars for the children;help pupils across the street;wave at the drivers
photographer|49.3|in a studio|a camera, bright lamps|take pictures of weddings;print large photos;change {his} lens;photograph birds and flowers
lifeguard|49.4|at the pool|a whistle, a rescue board|watch the swimmers;pull people out of the water;warn children about the waves
hotel manager|49.5|in a hotel|a list of rooms, a phone|run a small hotel;train new staff;answer complaints from guests
health practitioner|49.5|in a small clinic|herbs, a stethoscope|treat back pain;listen to {his} patients;give advice about sleep
sales agent|49.7|in an advertising office|a phone, a laptop|sell space for advertisements;visit new clients;sign contracts
mail clerk|49.8|in the mail room|stamps, envelopes|open letters;stamp parcels;carry the mail to every office
electrical assembler|50.4|in a factory|a soldering iron, circuit boards|assemble radios;solder small parts;test circuit boards
insurance agent|50.6|in an insurance office|forms, a briefcase|sell insurance;visit families at home;explain difficult forms
underwriter|51.1|in an insurance office|tables, a calculator|judge risks;calculate prices;study claims
medical scientist|51.8|in a laboratory|a microscope, test tubes|study diseases;test new medicines;write reports about {his} experiments
statistician|52.4|in a research office|tables, a computer|collect data;draw charts;calculate averages;study large tables
training specialist|52.5|in a large company|slides, a projector|train new workers;plan courses;write lessons for adults
judge|52.5|in court|a robe, law books|listen to both sides;decide difficult cases;sentence thieves;read {his} decision aloud
bartender|53.1|in a bar|a shaker, glasses|mix drinks;pour beer;wipe the counter;listen to the stories of {his} guests
dispatcher|53.1|in a control room|a radio, a map|send ambulances to accidents;answer emergency calls;guide drivers by radio
order clerk|53.3|in a warehouse office|a phone, order forms|take orders by phone;check prices;send forms to the warehouse
mail sorter|53.3|at the post office|boxes, letters|sort letters;read addresses;load bags of mail
"""

ROUNDED = """
doctor|40|in a hospital|a stethoscope, a white coat|examine patients;treat sick people;prescribe medicine;listen to the heart of a patient;write {his} reports at night
surgeon|25|in an operating room|a scalpel, a mask|operate on patients;remove tumours;wash {his} hands before an operation;close wounds
dentist|35|in a dental clinic|a drill, a mirror|pull bad teeth;fill holes in teeth;look into the mouths of {his} patients
pharmacist|65|in a pharmacy|pills, a prescription|sell medicine;count pills;explain the side effects;read prescriptions
veterinarian|65|in an animal clinic|a stethoscope, a leash|treat sick dogs and cats;visit farms;vaccinate puppies
paramedic|30|in an ambulance|a stretcher, a first aid kit|rush to accidents;carry patients to the ambulance;save lives on the road
physical therapist|70|in a clinic|a ball, a mat|train weak muscles;massage sore backs;help patients to walk again
therapist|80|in a quiet office|a notebook, a sofa|listen to people;talk about feelings;help couples with their problems
psychologist|75|in a clinic|a notebook, tests|study the mind;talk with anxious people;test the memory of {his} patients
counselor|75|at a school|a notebook, leaflets|give advice to students;listen to worried parents;talk about the future
social worker|80|in a city office|case files, a phone|visit poor families;help people to find a home;protect children
midwife|95|in a maternity ward|a stethoscope, warm towels|help mothers to give birth;weigh newborn babies;visit young families
optician|70|in an optical shop|lenses, glasses|test eyes;sell glasses;clean lenses
lab technician|70|in a laboratory|test tubes, a microscope|test blood samples;clean the instruments;record results
caregiver|85|in a nursing home|a wheelchair, blankets|feed old people;push wheelchairs;read to {his} patients
teacher|80|at a school|chalk, textbooks|teach children to read;correct homework;explain difficult words;write on the board;praise {his} pupils
professor|50|at a university|books, slides|give lectures;write books about history;mark exams;answer questions from {his} students
tutor|65|in private homes|exercise books, a timer|help pupils with mathematics;explain grammar;prepare students for exams
principal|65|at a school|a timetable, a phone|run a large school;meet parents;hire teachers
librarian|80|in a library|books, a catalogue|lend books;arrange books on the shelves;help readers to find novels;ask the visitors for silence
babysitter|95|in a family home|toys, bedtime stories|watch the children at night;read bedtime stories;put the baby to bed
nanny|95|in a family home|a pram, toys|look after the twins;push the pram through the park;cook for the children
scientist|45|in a laboratory|a microscope, a computer|plan experiments;study cells;publish {his} results;test new ideas
chemist|40|in a laboratory|test tubes, goggles|mix acids;study new materials;heat liquids
biologist|50|in a research station|a net, a microscope|study plants;count birds;collect insects
physicist|20|at a research centre|a laser, a computer|study atoms;measure light;solve hard equations
astronomer|20|in an observatory|a telescope, star maps|watch the stars;discover new planets;measure distant light
geologist|30|in the mountains|a hammer, a compass|study rocks;collect stones;draw maps of the ground
engineer|15|in an engineering office|plans, a computer|design bridges;test machines;calculate loads;improve engines;draw {his} plans on a screen
architect|30|in a studio|drawings, models|design houses;draw plans;build small models;visit {his} building sites
programmer|20|in a software company|a laptop, two screens|write code;fix bugs;test programs;design computer games
software developer|20|in a software company|a laptop, a headset|write apps;fix errors in programs;plan new features
web developer|30|at home|a laptop, a browser|build websites;design web pages;repair broken links
computer scientist|20|at a university|a computer, a whiteboard|study algorithms;train robots;prove theorems
technician|20|in a workshop|a screwdriver, cables|repair printers;install computers;test machines
analyst|40|in a bank|charts, spreadsheets|study the market;write reports;compare prices
economist|35|at a bank|charts, tables|study prices;predict growth;write about trade
accountant|60|in an accounting firm|a calculator, tax forms|prepare tax papers;check accounts;add up costs
auditor|55|in many companies|a checklist, a laptop|check the books of companies;search for mistakes;write reports
banker|45|in a bank|a suit, contracts|lend money;meet rich clients;check loans
bank teller|85|in a bank|banknotes, a stamp|count money;serve customers at the counter;change coins
broker|30|at the stock exchange|a phone, a screen|sell shares;watch prices;call {his} clients
cashier|70|in a supermarket|a till, coins|scan the goods;count change;take money from customers;sit at the till
clerk|85|in an office|forms, a stamp|file papers;copy forms;stamp letters
manager|40|in a company|a laptop, a phone|lead a team;plan the budget;hire new staff;hold meetings with {his} team
director|40|in a company|reports, a large desk|run a department;sign contracts;speak to the board
chief executive|30|at the head office|a suit, reports|lead a company;decide about large projects;meet investors
assistant|85|in an office|a calendar, a phone|book flights;arrange meetings;write emails for {his} boss
event planner|80|in many cities|lists, invitations|plan weddings;order flowers;book bands
travel agent|80|in a travel agency|maps, brochures|book trips;compare flights;plan holidays for {his} clients
real estate agent|55|in the city|keys, contracts|sell houses;show flats to buyers;write advertisements
consultant|45|in many companies|slides, a suitcase|give advice to companies;travel to {his} clients;prepare slides
lawyer|35|in a law office|law books, contracts|defend clients in court;write contracts;study the law;argue with {his} opponents
police officer|15|at the police station|a badge, handcuffs|arrest thieves;direct traffic;patrol the streets
detective|20|at the police station|a notebook, a badge|solve crimes;search for clues;question suspects;follow strangers in {his} car
guard|25|at the gate|a flashlight, a radio|watch the building;check bags;lock the doors;patrol the yard
prison officer|30|in a prison|keys, a uniform|lock the cells;watch the prisoners;search the rooms
soldier|15|in the army|a uniform, boots|march for hours;guard the border;clean {his} boots;obey orders
sailor|5|on a ship|ropes, a compass|clean the deck;raise the sails;cross the ocean;tie knots
captain|5|on a ship|a map, a compass|steer the ship;give orders to the crew;watch the waves
pilot|5|at an airport|a headset, maps|fly planes;land in bad weather;greet {his} passengers;check the engines
flight attendant|80|on a plane|a trolley, drinks|serve drinks on the plane;show the emergency exits;calm nervous passengers
astronaut|15|in space|a space suit, a rocket|train for space;repair satellites;float inside the space station
driver|15|on the road|a van, a map|drive a van;wait in traffic;deliver goods
truck driver|5|on the motorway|a truck, a map|drive a heavy truck;load boxes;sleep in {his} cabin
bus driver|45|in the city|a bus, tickets|drive a school bus;open the doors;stop at every station
taxi driver|15|in the city|a taxi, a radio|drive people to the airport;wait for passengers;know every street
train driver|5|on the railway|levers, signals|drive trains;watch the signals;slow down before stations
mail carrier|40|in our street|a bag, a bicycle|deliver letters;carry parcels;ring the doorbell
courier|20|in the city|a bicycle, parcels|deliver parcels;race through traffic;climb many stairs
farmer|25|on a farm|a tractor, a plough|grow wheat;milk cows;feed {his} animals;drive a tractor;harvest corn
gardener|5|in a park|a spade, a rake|plant flowers;cut the grass;water roses;trim hedges
fisher|5|on a boat|nets, a boat|catch fish;mend nets;sail before sunrise
forester|10|in the forest|a map, boots|plant trees;mark old trees;protect the deer
florist|85|in a flower shop|ribbons, roses|sell flowers;arrange roses;tie bouquets
chef|20|in a restaurant|a knife, pans|cook fine dinners;taste the soup;plan the menu;shout at {his} helpers
cook|40|in a canteen|pots, a spoon|cook soup;peel potatoes;fry fish;stir the sauce
baker|60|in a bakery|flour, an oven|bake bread;knead dough;decorate cakes;rise before dawn
butcher|20|in a butcher shop|a knife, an apron|cut meat;make sausages;sharpen {his} knives
server|70|in a restaurant|a tray, a notepad|bring the food;take orders;set the tables;carry plates
barista|65|in a cafe|a coffee machine, cups|make coffee;steam milk;serve cakes
dishwasher|20|in a restaurant kitchen|soap, a sink|wash plates;dry glasses;scrub pans
cleaner|55|in office buildings|a bucket, a mop|mop floors;wash windows;empty bins
janitor|35|at a school|keys, a broom|sweep the halls;repair broken chairs;lock the gates
maid|90|in a large house|a duster, an apron|polish silver;make the beds;iron shirts
barber|25|in a barber shop|a razor, scissors|cut hair;trim beards;shave {his} customers
beautician|95|in a beauty salon|creams, brushes|paint nails;apply make-up;clean skin
tailor|75|in a small shop|needles, thread|sew suits;shorten trousers;measure {his} customers
designer|55|in a studio|pencils, a computer|draw logos;choose colours;design chairs
interior designer|85|in a studio|fabrics, paint samples|choose curtains;plan kitchens;arrange furniture
model|75|at fashion shows|dresses, a mirror|pose for pictures;walk at fashion shows;wear expensive clothes
artist|50|in a studio|brushes, canvas|paint landscapes;draw portraits;show {his} pictures in a gallery
musician|30|in an orchestra|a guitar, a violin|play the guitar;write songs;practise every day;tour with {his} band
singer|30|on stage|a microphone, songs|sing in concerts;record songs;practise {his} voice
dancer|80|in a theatre|dance shoes, a mirror|dance on stage;stretch every morning;practise hard steps
actor|45|in a theatre|a script, costumes|learn {his} lines;play kings and villains;act in films
writer|60|at home|a pen, a typewriter|write novels;invent stories;finish a book every year
editor|55|at a newspaper|a red pen, a computer|correct texts;choose headlines;cut long sentences
journalist|45|at a newspaper|a notebook, a recorder|write articles;interview politicians;report the news;ask hard questions
translator|70|at home|dictionaries, a laptop|translate books;compare languages;search for the right word
painter|10|in new houses|brushes, a ladder|paint walls;mix colours;cover the floor with paper
bricklayer|1|on building sites|bricks, mortar|lay bricks;build walls;mix mortar
builder|5|on building sites|a helmet, a shovel|build houses;carry bricks;dig holes
welder|5|in a shipyard|a torch, a mask|join metal plates;cut steel;repair gates
machinist|5|in a factory|a lathe, steel|cut metal parts;measure bolts;set up machines
locksmith|5|in a small shop|keys, locks|open locked doors;copy keys;change locks
blacksmith|5|in a forge|a hammer, an anvil|heat iron;make horseshoes;bend steel
miner|5|in a mine|a pick, a lamp|dig for coal;drill into rock;work in the dark
crane operator|5|at the harbour|a crane, levers|lift containers;move steel beams;load ships
warehouse worker|25|in a warehouse|boxes, a trolley|pack boxes;move pallets;load vans
factory worker|35|in a factory|gloves, machines|pack parts;watch the machines;assemble toys
surveyor|10|in the fields|a tripod, maps|measure land;draw maps;mark borders
priest|20|at a church|a Bible, candles|pray with people;marry couples;hold the service
mayor|30|at the town hall|a chain, speeches|open new schools;give speeches;lead the town council
athlete|30|in a stadium|running shoes, a medal|train every day;run races;win medals
coach|35|at a sports club|a whistle, a ball|train the team;shout from the sideline;plan {his} training
trainer|60|in a gym|weights, a mat|lead fitness classes;plan exercises;motivate {his} clients
tour guide|50|in the old town|a flag, maps|show the city to tourists;tell stories about castles;lead groups through museums
"""

F_NAMES = """Anna Maria Emma Olivia Sophia Laura Julia Sarah Emily Hannah Rachel
Susan Linda Karen Nancy Lisa Betty Helen Sandra Donna Carol Ruth Sharon Diana Alice
Amy Rebecca Kate Grace Chloe Lucy Ella Zoe Clara Ingrid Astrid Freya Elsa Greta
Heidi Claire Camille Elodie Giulia Francesca Chiara Elena Lucia Carmen Isabel Ana
Beatriz Olga Natasha Irina Svetlana Katarzyna Agnieszka Fatima Aisha Layla Samira
Zahra Leila Priya Anjali Deepika Lakshmi Mei Yuki Sakura Naomi Amina Nia Zainab
Adaeze Rosa Valentina Gabriela Monica Teresa Eva Martha""".split()
M_NAMES = """John Michael David James Robert William Thomas Daniel Mark Paul Steven
Kevin Brian George Edward Peter Frank Henry Jack Oliver Harry Charlie Liam Noah
Ethan Lucas Benjamin Samuel Adam Simon Martin Erik Lars Sven Anders Hans Klaus
Jürgen Pierre Antoine Luc Marco Matteo Giovanni Luigi Carlos Miguel Pablo Diego
José Ivan Dmitri Boris Sergei Piotr Tomasz Ahmed Omar Ali Hassan Tariq Yusuf Raj
Arjun Sanjay Vikram Wei Hiroshi Kenji Takeshi Kwame Kofi Chidi Emeka Pedro Rafael
Fernando Antonio Victor Richard""".split()
SURNAMES = """Smith Jones Brown Taylor Wilson Evans Walker Clarke Meyer Schmidt
Weber Rossi Ferrari Dubois Moreau Garcia Perez Silva Santos Kowalski Petrov Singh
Patel Khan Hassan Tanaka Sato Chen Wang Kim Nguyen Okafor Mensah Larsen
Hansen Murphy Kelly Baker Cooper Hill""".split()
RELATIONS = """husband wife|son daughter|brother sister|father mother|uncle aunt|
grandfather grandmother|nephew niece|boyfriend girlfriend|grandson granddaughter|
stepfather stepmother|father-in-law mother-in-law|brother-in-law sister-in-law""".replace("\n", "").split("|")
PAIRED = """he she|him her|his her|himself herself|man woman|boy girl|father mother|spouse:wife husband|
brother sister|son daughter|guy lady|title:Mr Ms|uncle aunt|nephew niece|grandfather grandmother|
grandson granddaughter|husband wife|king queen|prince princess|groom bride|widower widow|monk nun|
sir madam|gentleman lady|bull cow|rooster hen|stallion mare|hero heroine|waiter waitress|actor actress|
dad mum|gentlemen ladies|ohe:she he|ohis:her his|ohim:her him|oking:queen king|obrother:sister brother|
ofather:mother father|oson:daughter son|obride:bride groom|ouncle:aunt uncle"""
PRONOUNS = [{(pair.split(":")[0] if ":" in pair else pair.split()[0]): pair.split(":")[-1].split()[g]
             for pair in PAIRED.replace("\n", "").split("|")} for g in (0, 1)]

WORDS = {k: v.split(",") for k, v in dict(
    city="London,Paris,Berlin,Madrid,Rome,Boston,Chicago,New York,Dublin,Oslo,Vienna,Lisbon,Tokyo,Cairo,Sydney,Toronto,Mumbai,Seattle,Prague,Lagos",
    country="France,Spain,Italy,Canada,Japan,India,Brazil,Norway,Egypt,Greece,Poland,Mexico,Kenya,Ireland",
    colour="red,blue,green,yellow,black,white,brown,grey,orange,purple,pink",
    num="two,three,four,five,six,seven,eight,nine,ten,twelve",
    big="fifteen,twenty,thirty,forty,fifty,sixty,eighty,a hundred,two hundred",
    day="Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday",
    month="January,February,March,April,May,June,July,August,September,October,November,December",
    season="spring,summer,autumn,winter", hour="six,seven,eight,nine,ten,eleven,five,four",
    food="soup,bread,rice,pasta,fish,chicken,salad,cheese,pizza,curry,potatoes,beans,eggs,vegetables,noodles",
    fruit="apples,pears,bananas,oranges,cherries,grapes,plums,lemons,strawberries,peaches",
    drink="tea,coffee,milk,water,juice,lemonade,hot chocolate",
    animal="dog,cat,horse,rabbit,parrot,goat,hamster,pony,donkey,duck",
    wild="fox,bear,wolf,deer,owl,eagle,snake,frog,squirrel,elephant,lion,tiger,monkey,whale,mouse",
    taste="sweet,fresh,warm,salty,delicious,cold,simple,spicy",
    weather="rain,snow,wind,fog,sunshine,a storm", sky="cloudy,sunny,grey,dark,clear,blue,bright",
    adj="small,large,old,new,quiet,lovely,strange,famous,narrow,wide,modern,pretty,empty",
    mood="happy,tired,proud,calm,cheerful,busy,friendly,nervous,bored,quiet,curious",
    trait="kind,patient,careful,honest,friendly,quiet,funny,clever,reliable,hard-working,polite,strict",
    clothes="coat,hat,scarf,shirt,sweater,jacket,raincoat,pair of gloves,pair of boots",
    thing="table,chair,lamp,clock,mirror,carpet,book,vase,radio,bicycle,bag,box,sofa,kettle,blanket",
    place="park,market,museum,library,station,beach,church,cinema,bridge,harbour,lake,castle,school,town hall,theatre",
    room="kitchen,garden,bedroom,living room,bathroom,hall,cellar,garage",
    sport="football,tennis,basketball,volleyball,hockey,cricket,chess,table tennis,rugby",
    hobby="reading,swimming,cycling,hiking,painting,fishing,dancing,singing,cooking,running,camping,sailing,skating",
    subject="history,mathematics,music,geography,biology,English,French,chemistry,art",
    vehicle="train,bus,car,plane,ferry,bicycle,taxi,tram", month2="weeks,months,years,days",
    adv="slowly,quickly,quietly,carefully,happily,suddenly,finally", often="often,always,sometimes,usually,never,rarely",
    when="in the morning,in the evening,after lunch,at night,at the weekend,before breakfast,on holiday,every summer",
    past="yesterday,last night,last week,this morning,last month,on {day},last {season},a year ago",
    tree="oak,apple tree,pine,cherry tree,birch,palm", flower="roses,tulips,lilies,sunflowers,daisies,violets",
    part="back,knee,tooth,head,shoulder,foot,throat,stomach", age="young,old,tall,short,clever,shy,famous,rich,poor",
    size="tiny,huge,small,big,enormous", price="cheap,expensive,free,half price",
    dish="a cake,a pie,a stew,an omelette,pancakes,a sandwich,a salad,dumplings,biscuits",
    folk="man,woman,boy,girl,child,old man,old woman,young man,young woman,stranger,visitor,guest,neighbour",
    open="door,window,box,letter,gate,book,drawer,bottle,curtains,bag,umbrella",
    deed="opened the {open},closed the {open},looked out of the window,sat down on the {wthing},drank a cup of {drink},waited for the {vehicle},smiled and said nothing,shook hands with {whom},ate some {food},read a {adj} book,walked to the {wplace},ran across the street,fell asleep in the {room},lost the key,turned on the light,knocked at the door,bought some {fruit},looked at the {thing},laughed {adv},washed the dishes",
    whom="my friend,our neighbour,the family,my cousin,our guest,the whole street").items()}

# Placeholders: a_ becomes a/an; {acts} {acted} {acting} {act} draw a fact of
# the job; {S} is the person as a pronoun, name or job; {W*x} is kept all
# through the document; {X} is {x} with a capital.
T = {
"intro": """{name} is a_ {job} from {city}.|{ref} works as a_ {job} {place}.|{name}, {mylref}, is a_ {job}.|{title} {sur} is a_ {job} {place}.|{ref} is a_ {job}, and I am proud of {him}.|{name} has been a_ {job} for {num} years.|{ref} is {agen} years old and works as a_ {job}.|{ref} became a_ {job} after school.|{name} is a {trait} {job}.|The best {job} in {city} is {name} {sur}.|I have known {name} for {num} years; {he} is a_ {job}.|{ref} earns {his} money as a_ {job}.|{name} moved to {city} and found work as a_ {job}.|{name} and {his} {spouse} live in {city}, where {he} is a_ {job}.|Did you know that {lref} is a_ {job}?|{name} {sur} used to be a_ {job}.|My neighbour {name} is a_ {job} {place}.|This is {name}, our new {job}.|{ref} was a_ {job} for {big} years.|{name} is a_ {job} and {his} {spouse} is at home.|The {man} next door is a_ {job}.|Our friend {name} is training to be a_ {job}.|That {man} over there is a_ {job}.|{name} is the only {job} in our village.""",
"anon": """The {job} arrived at {hour} and took off {his} {clothes}.|The {job} said that {he} was late.|The {job} told me that {he} lived in {city}.|We met a_ {job} on the {vehicle}, and {he} was very {trait}.|Yesterday the {job} forgot {his} {clothes}.|The {job} asked {himself} what to do.|I called the {job}, but {he} was busy.|The new {job} is {trait}, and everybody likes {him}.|A {trait} {job} loves {his} work.|The {job} lost {his} {clothes} at the {wplace}.|The {job} smiled when {he} saw us.|A_ {job} lives in our house with {his} {spouse}.|The {job} phoned {his} {son} {when}.|The old {job} told us about {his} first day at work.|We thanked the {job} for {his} help.|The {job} was {mood} because {he} had slept well.|The {job} was {mood}, so {he} went home early.|A {age} {job} showed me {his} {thing}.|The {job} put {his} bag on the {wthing}.|I know a_ {job} who takes {his} {animal} to work.|When the {job} came in, {he} shook my hand.|The {job} wrote {his} name on a card.|The {job} hurt {his} {part} {past}.|The {job} opened the door, and we followed {him}.|The {job} is a {man} from {country}.|Is the {job} here, or has {he} already left?""",
"jobday": """{S} {acts}.|{S} {acts} every {day}.|{S} {acted} {past}.|{S} {acted} and then {acted}.|Every day {he} {acts}.|{S} spent the whole morning {acting}.|{S} likes {acting}.|{S} has to {act} and {act}.|Tomorrow {he} will {act}.|{S} needs {tool} for {his} work.|{S} {often} works {wplace2}.|{S} works {place}.|{S} starts work at {hour} and finishes late.|{His} work begins at {hour} in the morning.|Without {tool}, {he} cannot do {his} job.|{S} bought {tool} {past}.|As a_ {job}, {he} {acts}.|Like every {job}, {he} {often} {acts}.|It is {his} job to {act}.|{His} favourite part of the day is {acting}.|{S} enjoys {his} job.|{S} learned {his} trade in {city}.|{His} boss is very happy with {him}.|{S} earns good money, but {he} works long hours.|On {day} {he} {acted} until {hour} o'clock.|{S} can {act} faster than anyone.|People ask {him} for help because {he} is {trait}.|{S} is never tired of {acting}.|{S} told us how to {act}.|{S} left {his} tools at work: {tool} and {tool}.|After {num} years {he} still loves {his} job.|{His} colleagues call {him} the best {job} in town.|{S} was {mood} after {acting} all day.|{S} dreams of a {adj} place of {his} own.|In {month} {he} {often} has too much work.|{S} met {his} {spouse} at work.|{S} {acts} while {his} helper waits.|First {he} {acted}, and later {he} {acted}.""",
"general": """A_ {job} {acts}.|{jobs} {gact}.|{jobs} work {place}.|A_ {job} needs {tool}.|Most {jobs_l} {gact}.|{jobs} use {tool}.|It takes {num} years to become a_ {job}.|Many {jobs_l} work at weekends.|A good {job} must be {trait}.|If you want to {act0}, call a_ {job}.|What does a_ {job} do all day?|{jobs} {gact} and {gact}.|There is a_ {job} in almost every town.|You find a_ {job} {place}.""",
"example": """{name} is one of them: {he} {acts}.|The {job} in our town is {name}, and {he} {acts}.|Our {job} is a {man} named {name}.|Take {name}, for example: {he} {acts}.|I asked {lref}, because {he} is a_ {job}.|My {job} is {title} {sur}; {he} {acts}.""",
"wish": """{name} wants to become a_ {job}.|{ref} hopes to be a_ {job} one day.|When {name} was a {boy}, {he} wanted to be a_ {job}.|Our {son} {name} would like to be a_ {job}.|{name} is studying to become a_ {job}.|As a {boy}, {lref} dreamed of becoming a_ {job}.|{name} is {teen} years old and plans to be a_ {job}.|{ref} has applied for a job as a_ {job}.""",
"wishmore": """{S} would like to {act}.|{S} reads books about it every evening.|{His} {father} was a_ {job} too.|{His} parents are proud of {him}.|{S} must study for {num} years.|{S} has already bought {tool}.|One day {he} will {act}.|{S} visited a_ {job} {past} and asked many questions.|{His} teachers say that {he} is {trait}.|{S} hopes to {act} and earn good money.|{S} starts {his} training in {month}.|Nothing makes {him} happier than {acting}.|{His} {brother} thinks that it is a good idea.""",
"qa": """What does {lref} do for a living? {He} is a_ {job}.|What is {possref} profession? {He} works as a_ {job}.|Where does {name} work? {He} works {place}, because {he} is a_ {job}.|What did {possref} {father} do? {He} was a_ {job} too.|"What does {name} do?" "{He} is a_ {job} in {city}."|"Who is that {man}?" "{He} is our {job}."|"Is {name} still a_ {job}?" "Yes, {he} {acts}."|"Does {lref} like {his} work as a_ {job}?" "Yes, {he} loves {acting}."|"What is {possref} job?" "{Job} in {city}."|"Do you know {title} {sur}?" "Of course, {he} is the {job}."|"How is {name}?" "Very busy, {he} works as a_ {job} now."|"Who can {act}?" "Ask {name}, {he} is a_ {job}."|Why is {name} so tired? {He} is a_ {job} and {acted} all night.|"What does {he} do?" "{Job}, for a firm in {city}."|"Whose {thing} is this?" "It belongs to the {job}; {he} forgot it."|"Is the {job} here?" "No, {he} is at lunch."|Who helped you? A_ {job} did, and {he} was very {trait}.""",
"life": """{S} lives in {city} with {his} {spouse}.|{S} has {num} children and a_ {W*animal}.|In {his} free time {he} enjoys {W*hobby}.|{S} loves {W*food} and {drink}.|{S} {often} drinks {drink} {when}.|{S} wears a {colour} {clothes} in {season}.|{His} house is {adj} and stands near the {wplace}.|{S} plays {W*sport} on {day}.|{His} favourite colour is {colour}.|{S} goes home by {vehicle}.|{S} phones {his} {father} every {day}.|{His} {brother} lives in {country}.|{S} was born in {country} in {month}.|{S} is {trait} and {trait}.|{S} gets up at {hour} and drinks {drink}.|{S} bought a {colour} {thing} {past}.|{S} went to {country} last {season}.|{His} {part} hurts, so {he} stays in bed.|At weekends {he} meets {his} friends at the {wplace}.|{S} speaks {num} languages.|{S} cooks {food} for {his} family.|{His} friends say that {he} is {trait}.|{S} is {agen} years old.|{S} has a {size} {animal}, and it follows {him} everywhere.|{S} sold {his} car and bought a bicycle.|{S} visited {his} {son} {past}.|We gave {him} a {colour} {thing} for {his} birthday.|{S} reads the newspaper {when}.|{S} sat down by {himself} and ate {food}.|I saw {him} at the {wplace} {past}.|{S} laughed when {he} heard the news.|{S} forgot {his} keys and had to wait outside.|{S} has {colour} shoes and a {colour} {clothes}.""",
"two": """The {job} and the {job2} work together {place}.|{name} the {job} has a friend named {name2}, who is a_ {job2}.|{name} is a_ {job}, and {his} {rel2} is a_ {job2}.|{name} is a_ {job} and {name2} is a_ {job2}.|{title} {sur} is a_ {job}; {his} neighbour {name2} is a_ {job2}.|The {job} asked the {job2} for help, and {he2} came at once.""",
"twomore": """{name} {acts}, and {name2} {acts2}.|{name2} said that {he2} liked {his2} job.|{name} often tells {name2} about {his} work.|{name2} {acts2} {when}.|The {job2} {acts2}, while the {job} {acts}.|{name} earns more than {name2}, but {he} works longer.|{name2} invited {name} to {his2} house.|In the evening {name} cooks for {himself}, and {name2} reads.|The {job2} finished {his2} work at {hour}.|The {job} lost {his} {clothes}, and the {job2} found it.""",
"family": """My {father} is {agen} years old.|My {father} met {his} {spouse} in {city}.|{name} is my {brother}, and I love {him}.|{name} is the {son} of {title} {sur}.|My {father} and my {brother} both live in {city}.|{name} has one {brother} and {num} cousins.|My {father} has a {brother} in {country}.|Every {day} we visit my {father} in {city}.|{name} is a {boy} of {teen}.|The {man} holds {his} {son} by the hand.|My {brother} married {his} {spouse} in {month}.""",
"famore": """{S} is a {trait} {man}.|{S} looks like {his} {father}.|{His} {spouse} cooks {food} on {day}.|{His} {son} goes to school in {city}.|{S} loves {his} {son} more than anything.|{S} calls {his} {brother} every {day}.|{S} gave {his} {son} a {colour} {thing}.|{His} grandparents come from {country}.|{S} is the {age} {man} in the {colour} {clothes}.|{S} has been married for {num} years.|Our parents took {him} to the {wplace}.|{S} sang a song for {his} {father}.|{S} played {sport} with {his} {brother}.|{His} birthday is in {month}.|{S} kissed {his} {spouse} and said good night.""",
"femfact": """{name} is pregnant.|{name} is going to have a baby in {month}.|My {rel} gave birth to a {boyg} {past}.|The queen wore her {colour} dress.|The princess lived with her mother, the queen.|The mother fed her baby with her own milk.|The bride wore a white dress and held her {flower}.|The actress waited for her king on the stage.|The old woman was a widow and lived with her {animal}.|{name} is expecting a child.|{name} is expecting her first baby in {month}.|My {rel} is expecting twins.|She is pregnant and will have a baby in {month}.|She gave birth to a healthy {boyg} {past}.|Last {season} {name} gave birth to twins.|The midwife helped her to give birth.|She is pregnant again.|Pregnant women should rest.|At her wedding the bride was {mood}.|She was a happy bride in a long white dress.|My {rel} put on her skirt and her lipstick.|The girl plaited her long hair.|The nun prayed alone in her room.""",
"femmore": """She is {num} months pregnant, and her husband is happy.|Her baby will be born in {month}.|She is a mother of {num}.|She is the mother of a {boyg}.|She is no longer a girl; she is a woman now.|Her husband held her hand.|She was the only woman in the room.|Her father gave her away at the wedding.|Her daughter calls her mum.|She is her mother's favourite daughter.|The ladies thanked her.|She became the queen after the king had died.|Her son is a boy of {num}.|She and her sister were the only girls there.""",
"malfact": """{name} shaves his beard every {day}.|{name} has a {colour2} beard and a moustache.|My {rel} trimmed his moustache {past}.|The king and his queen lived in a {adj} castle.|The prince asked the king for his horse.|The groom waited for his bride at the {wplace}.|The father carried his {son} on his back.|The old man was a widower and lived with his {animal}.|He has a long beard.|He has grown a beard and looks older.|{name} has grown a thick moustache.|In the morning he shaves and combs his hair.|He shaved at the mirror in the {room}.|He needs a new razor for his beard.|His beard is {colour2}, and so is his moustache.|At his wedding the groom was {mood}.|He was a happy groom in a dark suit.|The monk shaved his head.|The boy put on his first tie.|The gentleman took off his hat.|The young lord loved his lady.""",
"malmore": """He is a father of {num}.|His wife likes his beard.|He is the father of a {boyg}.|He is no longer a boy; he is a man now.|His wife held his hand.|He was the only man in the room.|His son calls him dad.|He looks like his grandfather did as a young man.|He became king after his father had died.|He and his brother were the only boys there.|The gentlemen greeted him.|His daughter is a girl of {num}.|He is his father's eldest son.|His uncle and his aunt live in {city}.""",
"deeds": """The {folk} {deed}.|The {folk} {deed} and {deed}.|Then the {folk} {deed}.|A {folk} {deed} {past}.|The {folk} {adv} {deed}.|A {folk} came in and closed the door.|The {folk} opened the {open}.|The {folk} opened the door and {deed}.|The {folk} closed the {open}.|I drank a cup of {drink} and {deed}.|She poured herself a cup of {drink}.|He poured himself a glass of {drink}.|We drank a cup of {drink} together.|Please give me a cup of {drink}.|There is a glass of {drink} on the table.|He {deed}, and she {deed}.|They {deed} and {deed}.|I {deed} {past}.|Somebody {deed}.|Please open the {open}.|Who opened the {open}?|It was dark in the {room}.|She {deed}.|He {deed}.|My friend {deed}, and I {deed}.|He put the {thing} on the table.|She put the {thing} near the window.|The {thing} fell to the floor.|The {wthing} is on the floor.|He has a {colour} {thing}.|She has a {colour} {thing}.""",
"kin": """{name}, my mother's {brother}, is my {uncle}.|My {uncle} is the {brother} of my father.|The {brother} of my mother is my {uncle}.|The {son} of my brother is my {nephew}.|My {nephew} is my sister's {son}.|Our {nephew} {name} is the {son} of my sister.|My {grandfather} is the {father} of my mother.|{name} is the {grandson} of the old king.|The {king} wore {his} crown and sat on {his} throne.|The {king} ruled {his} country for {big} years.|The old {king} and {his} {oking} lived in a {adj} castle.|The {prince} is the {son} of the king.|The {king} is dead, and the {prince} will rule.|The {groom} danced with {his} {obride}.|The {groom} and the {obride} left the church.|{name} got married; now {he} is {ohis} {husband} and {ohe} is {his} {spouse}.|{He} is a good {husband} to {his} {spouse}.|{He} kissed {his} {spouse}.|My {husband} and I have {num} children.|I love my {husband}, and {he} loves me.|{name} and {his} {spouse} have {num} children; {he} is their {father}.|{name} is the {father} of {num} children.|{He} is the {father} of my best friend.|My {rel} said that {he} was {mood}.|My {rel} lost {his} {clothes}.|My {rel} sold {his} {thing}.|My {rel} says that {he} is ill.|I like my {rel} and often think of {him}.|I saw my {rel} and waved at {him}.|My {rel} washed {himself}.|My {rel} cut {himself} with the scissors.|My {rel} hurt {his} {part}.|The {boy} said that {he} was {teen}.|The {boy} forgot {his} {clothes}.|The {boy} broke {his} {thing}.|The {man} closed {his} eyes.|The old {gentleman} opened {his} umbrella.|The old {gentleman} told me that {he} had moved to {city}.|{name} said that {he} was hungry.|{name} forgot {his} {clothes}.|{name} told us that {he} was {mood}.|{title} {sur} told us that {he} was ill.|{title} {sur} sold {his} house.|Thank you very much, {sir}.|May I help you, {sir}?|Here is your {drink}, {sir}.|Good morning, my dear {gentlemen}.|The {rooster} shook {his} feathers.|The {bull} lay beside {his} calf in the field.|The {stallion} ran to {his} foal.|The {monk} prayed for {his} {brother}.|The {monk} said that {he} had prayed all night.|The {hero} of the story saves {his} friends.|The {waiter} brought {his} guests {drink}.|The {widower} still loves {his} late {spouse}.|After the death of {his} {spouse}, {name} was a {widower}.|{name} is a tall {man}.|My {father} is a {trait} {man}.|My {brother} is a {age} {man}.|{name} was once a small {boy}.|As a {boy}, {name} lived in {city}.|My {grandfather} was once a {boy} with {colour} shoes.|{name} is my older {brother}.|{name} is my younger {brother}.|{He} is my {brother}, and I am proud of {him}.|{name} is the only {son} in the family.|Our parents have one {son}: my {brother}.|My {brother} is my parents' youngest {son}.|My {grandfather} lives with my {ouncle}.|{He} is the husband, and she is the wife.|She is the mother, and he is the father.|He is the son, and she is the daughter.|The wife loves her husband, and the husband loves his wife.|The king loves the queen, and the queen loves the king.""",
"link1": """What does {lref} do?|What does {name} do for a living?|Where does {lref} work?|Where does {name} work now?|What is {possref} profession?|What is {his} job?|{ref} works {place}.|{name} works {place}.|{He} works {place}.|{ref} is a_ {job}.|{name} is a_ {job}.|{title} {sur} is our {job}.|{ref} used to be a_ {job}.|{name} wants to be a_ {job}.|{ref} works as a_ {job}.|{He} works as a_ {job}.|{ref} {acts}.|{name} {acts}.|{He} {acts}.|{He} {acts} every {day}.|{name} {acted} {past}.|The {job} {acted}.|The {job} put away {his} things.|{ref} is learning how to {act}.|{name} has to {act}.|{He} likes {acting}.|Does {lref} like {his} job as a_ {job}?|Has {lref} found work?|Who is that {man}? Our {job}.|Do you know the {job}?|The {man} over there is a_ {job}.|{ref} has {acted} for years.""",
"link2": """There is always {tool} on the table.|Without {tool} it would be impossible.|You need {tool} for that.|It is not easy to {act0}.|{Gacting} is hard work.|{Gacting} takes time.|Somebody has to {act0}.|It takes years to learn how to {act0}.|Few people like {gacting}.|People need somebody to {act0}.|Mostly {gacting}.|{Job}, {place}.|The work is {place}.|The days {place} are long.|There is much to do {place}.|{Tool} and {tool} lie on the table.|Where is {tool}?|Somebody has lost {tool} again.|Yes, as a_ {job}.|No, but {jobs_l} are needed everywhere.|Every {job} knows that.|{jobs} {gact}.|{jobs} often work at weekends.|There are {num} {jobs_l} {place}.|They need another {job} {place}.|It is all about {gacting}.|Tomorrow there is even more to do: {gacting} and {gacting}.|The firm pays well for {gacting}.|{topic}|{topic}|{topic}|{topic}|{topic}|{topic}|{topic}|{topic}|{topic}|{topic}""",
"weather": """It is {sky} in {W*city} today.|The {season} was long and {sky}.|There was {weather} all {day}.|We had {weather} in {month}.|The sky is {sky} this morning.|It began to rain at {hour}.|The sun rose over the {wplace}.|In {month} the days are short in {country}.|Snow fell on the {wplace} {past}.|The wind blew the {clothes} from the line.|I took my {colour} umbrella to the {wplace}.|It was so cold that the {wplace} was empty.|The radio promised {weather} for {day}.|The streets were wet, and the {vehicle} was late.|After the storm, the {tree} lay on the ground.|It was {big} degrees in {city}.|The children played in the snow near the {wplace}.|We stayed at home and drank {drink}.|The clouds were {colour} in the evening.|Everyone in {city} hopes for a warm {season}.""",
"eat": """We had {W*food} and {drink} for dinner.|The {W*food} was {taste}, and we ate all of it.|I bought {num} {fruit} at the market.|These {fruit} come from {country}.|For breakfast we eat {food} with {fruit}.|Would you like some {drink} with it?|The {drink} is too hot to drink.|Wash the {fruit} and put them in a {colour} bowl.|Cut the {food} into {num} pieces.|Add salt and cook it for {big} minutes.|The kitchen smells of {food}.|My grandparents made {dish} every {day}.|There is no {drink} left in the {room}.|I baked {dish} for {whom}.|{food} tastes better with a glass of {drink}.|A basket of {fruit} stood in the {room}.|In {country} people eat {food} {when}.|We set the table for {num}.|The {fruit} were {taste} and {colour}.|I was hungry, so I made {dish}.""",
"animals": """We have a {colour2} {W*animal} at home.|The {W*animal} sleeps in the {room}.|Our {W*animal} is {num} years old.|It likes to eat {food} and {fruit}.|A_ {wild} lives in the forest near the {wplace}.|We saw a_ {wild} {past}.|The {wild} ran away {adv}.|The {W*animal} was afraid of the {wild}.|A_ {wild} can sleep for {num} hours.|There are {big} animals at the zoo in {city}.|The {wild} hid behind the {tree}.|Every morning the {W*animal} waits at the door.|It drank its water and lay down in the {room}.|The {W*animal} broke a {colour} {thing}.|Birds sang in the {tree} all {season}.|The children gave the {W*animal} a name.|It has {colour2} ears and a {size} tail.|The {wild} and the {wild} are both wild animals.""",
"shop": """I need a new {W*thing} for the {room}.|The {W*thing} costs {big} dollars.|The shop near the {wplace} sells {fruit} and {food}.|It opens at {hour} on {day}.|The {colour} {clothes} is too small for me.|Do you have this {clothes} in {colour}?|We paid {big} euros for {num} tickets.|The {W*thing} was {price}, so I bought it.|I bought a {colour} {clothes} {past}.|The market is {adj} and full of people.|There are {num} shops in our street.|We carried {num} bags to the car.|I forgot my money in the {room}.|The {thing} is broken, and I want another.|Everything is {price} in {month}.|They brought the {W*thing} on {day}.|A {colour} {thing} stood in the window.""",
"school": """The {W*subject} lesson starts at {hour}.|There are {big} pupils in the class.|My favourite subject is {W*subject}.|The school is near the {wplace}.|We have a test in {subject} on {day}.|I learned {num} new words {past}.|The pupils read a book about {country}.|The bell rings at {hour}.|The homework was easy, so we finished it {adv}.|The {subject} book lies on the {wthing}.|Our class went to the {wplace} in {city}.|The children drew a {colour} {animal}.|In {month} the school is closed.|{num} plus one is more than {num2}.|They sat in the last row and laughed {adv}.|Some pupils come by {vehicle}, others walk.|I got a good mark in {subject}.""",
"sport": """We play {W*sport} every {day}.|Our team won the game in {city}.|The {W*sport} match began at {hour}.|They lost by {num} points.|The team from {country} was stronger.|I like {hobby} better than {hobby2}.|{hobby} is good for your {part}.|There were {big} people in the stadium.|The players wear {colour} shirts.|We went {hobby3} near the {wplace} {past}.|The ball flew over the {tree}.|In {season} we train {num} times a week.|The next match is on {day}.|Everybody cheered when the game ended.|My {part} hurts after {sport}.|They gave the winners a {size} cup.|It rained, but the {sport} game went on.""",
"travel": """We went to {W*city} by {vehicle}.|The {vehicle} to {W*city} leaves at {hour}.|We stayed in {W*city} for {num} days.|The hotel was {adj} and near the {wplace}.|We visited the {wplace} on {day}.|The journey took {num} hours.|Our room had a {colour} {thing}.|I sent a card from {country}.|We missed the {vehicle} and waited for {big} minutes.|The {wplace} in {W*city} is {adj}.|There were {adj} streets and {colour} houses.|We ate {food} near the {wplace}.|Next {season} we will travel to {country}.|A ticket costs {big} euros.|We packed {num} bags and a {clothes}.|It was {sky} when we arrived.|I took {big} pictures of the {wplace}.|The road to the {wplace} was long.|They have lived in {country} for {num} years.""",
"home": """The {W*thing} stands in the {room}.|The walls of the {room} are {colour}.|Our house has {num} rooms and a {adj} garden.|There are {flower} in the garden.|A_ {tree} grows behind the house.|We painted the door {colour} {past}.|The {room} is {adj} and full of light.|There is a {colour} {thing} under the window.|I cleaned the {room} on {day}.|The key to the {room} is lost.|The {W*thing} is {num} years old.|We sit in the {room} {when}.|The neighbours have a {colour} car.|In {season} we sleep with open windows.|The {flower} are {colour} and {colour2}.|The clock in the {room} stopped at {hour}.|I put {num} books on the {wthing}.|The lamp is broken, so the {room} is dark.""",
"day": """I got up at {hour} and drank {drink}.|On {day} we stay at home.|The meeting is on {day} at {hour}.|I met {whom} at the {wplace}.|In the evening we listened to music in the {room}.|{day} is my favourite day.|I wrote a letter to {whom} {past}.|We waited for {whom} near the {wplace}.|My phone was in the {room}.|I was {mood} all day.|They came at {hour} and left {adv}.|We talked about {country} and {hobby}.|I watched a film about a_ {wild}.|It was a {adj} day in {month}.|I am reading a {adj} book about {country}.|At {hour} o'clock we went to bed.|{whom} asked me about the {thing}.|Tomorrow I will go to the {wplace}.|They were {mood}, and so was I.|The party for {whom} is in {month}.""",
}
T = {k: v.split("|") for k, v in T.items()}
# What is true of the places of work: sentences that follow from one about a job.
TOPICS = """
hospital,clinic,ambulance,maternity,nursing,operating,medical,patients|The patients are waiting in the corridor.|Two patients went home {past}.|The ward has {big} beds.|The operation took {num} hours.|There is a smell of medicine.|Many people were ill this {season}.|The new medicine helps against the pain.|The fever came back at night.|Visitors may come after lunch.|The blood test was fine.|The wound heals well.|The X-ray showed nothing.
dental|The teeth must be cleaned every day.|The next tooth hurts more.|Children are afraid of the drill.|The chair goes up and down.|Nobody likes a toothache.
animal clinic|The dogs bark in the waiting room.|The cat had a broken leg.|The puppy was not afraid.
pharmacy|The pills are in the drawer.|The medicine costs {big} euros.|The cough syrup tastes bad.
school,kindergarten,nursery,university,lessons,exercise|The pupils learn {subject}.|The lesson begins at {hour}.|The children are noisy.|The homework was too long.|There are {big} children in the class.|The exam is in {month}.|The students sleep in the last row.|The bell rings for the break.|The classroom is full of books.|The holidays begin in {month}.|The blackboard must be cleaned.
garage,workshop,depot,repair|The car needs new tyres.|The engine makes a strange noise.|The brakes are old.|The oil must be changed.|The motor runs again.|There are screws everywhere.|The bus is too old.|The customers want their cars back.
building,roofs,houses,concrete,kitchens and bathrooms,cellars,beams|The house will have {num} floors.|The roof is not ready.|The wall is still wet.|The pipes were frozen in {month}.|The bricks arrive on {day}.|The new bridge is almost finished.|The water runs again.|The cables hang from the ceiling.|The crane stands still when there is wind.|The cellar was full of water.
farm,fields|The cows must be milked.|The wheat is ripe in {month}.|The sheep are in the meadow.|The harvest was good.|The pigs are hungry.|It has not rained on the fields for weeks.|The hay is dry.|The chickens lay many eggs.
park,flower,forest,mountains|The roses need water.|The trees lose their leaves in autumn.|The tulips are for a wedding.|The path is covered with leaves.|The old oak fell down.|The stones are millions of years old.|The deer come out in the evening.
restaurant,canteen,kitchen,bakery,cafe,bar,butcher|The soup is ready.|The guests are hungry.|The bread comes out of the oven at {hour}.|The oven is still hot.|The cake was for a birthday.|The tables are all full on {day}.|The food was {taste}.|The coffee is {taste}.|The meat must be kept cold.|The menu changes every week.|The glasses must be dried.|Somebody wants to pay.
hotel,large house,front desk|The rooms are all taken in {month}.|The guests leave at {hour}.|The beds have fresh sheets.|The key hangs on the wall.|The windows look out on the sea.|The lift is broken.
shop,supermarket,stock,market|The customers stand in a long line.|The prices rise in {month}.|The shop opens at {hour}.|Everything was sold on {day}.|The shelves are empty.|A shirt costs {big} dollars.
office,company,firm,companies,head office,team|The meeting lasted {num} hours.|The report must be ready on {day}.|The phone rings all day.|The letters lie on the desk.|The boss is in {city}.|The files are in the cupboard.|The contract was signed {past}.|The firm has {big} workers.|The calendar is full until {month}.
bank,accounting,insurance,receipts|The money is in the safe.|The loan has to be paid back.|The numbers do not add up.|The taxes are due in {month}.|The interest is very low.|The account is empty.|The costs were too high.
court,law|The trial begins on {day}.|The thief went to prison.|The witness told the truth.|The case is still open.|The law was changed {past}.|The jury needed {num} days.
police,prison,gate|The thief ran away.|The robbers were caught in {city}.|The cells are locked at night.|The bank was robbed {past}.|The traffic stood still.|Nobody saw the murderer.|The alarm rang at {hour}.
fire station|The fire burned for {num} hours.|The smoke was black.|The siren woke the whole street.|The house burned down.
army,border|The war lasted {num} years.|The enemy was near.|The troops marched to the border.|The general gave the order.
ship,boat,shipyard,harbour,pool|The sea was rough.|The ship leaves the harbour at {hour}.|The waves were high.|The fish are sold at the harbour.|The anchor is heavy.|The water is cold in {month}.|The sails are white.
airport,plane,space|The flight to {city} is late.|The plane takes off at {hour}.|The passengers fasten their belts.|The clouds are below us.|The engines are loud.|The rocket flies to the moon.
train,railway|The train to {city} is late.|The next stop is {city}.|The passengers have no tickets.|The signal is red.|The station is closed.
road,motorway,city,taxi,traffic|The traffic was terrible.|The road to {city} is closed.|The parcel is too heavy.|The passengers sat in the back.|The streets are empty at night.|The petrol is expensive.
laboratory,research,observatory,microscope|The experiment failed again.|The results will be published in {month}.|The stars are bright tonight.|The cells grow in a glass.|The theory is hard to prove.|The numbers were measured {num} times.|The planet has two moons.
software,two screens,browser,computer|The program has an error.|The computer is slow today.|The new version comes out in {month}.|The website is down.|The password was wrong.
studio,fashion,salon,gallery|The picture is not finished.|The colours are too bright.|The house has large windows.|The plans are on the table.|The dresses are from {city}.|The hair is too short now.|The exhibition opens in {month}.
stage,orchestra,theatre,dance|The audience clapped for a long time.|The concert begins at {hour}.|The play was long.|The songs are on the radio.|The tickets are expensive.|The music was too loud.
newspaper,novels,dictionaries,pen|The article was on the first page.|The book has {big} pages.|The story ends badly.|The novel was translated {past}.|The newspaper comes out on {day}.
church,town hall,Bible|The church was full on {day}.|The bells ring at {hour}.|The service was short.|The wedding is in {month}.|The votes were counted.
stadium,sports,gym,team|The race was hard.|The match begins at {hour}.|The medal was made of gold.|The team lost again.|The training takes {num} hours.
library|The books must be returned in {num2} weeks.|The reading room is quiet.|The shelves reach the ceiling.
post,mail,street|The letters come at {hour}.|The parcel is from {country}.|The stamps are expensive.
factory,forge,mine,warehouse,steel,lathe|The machines run day and night.|The boxes are heavy.|The metal is red and hot.|The coal is deep under the ground.|The belt stands still.|The iron must be heated again.
family home,private homes,blankets|The baby is asleep.|The children want another story.|The twins are {num} months old.|The old people are tired.
"""


def topics_of(job):
    """The lines of TOPICS whose key words stand in a job's place, tools or acts."""
    text = " ".join([job["place"]] + job["tools"] + job["acts"])
    found = []
    for line in TOPICS.strip().splitlines():
        keys, *sentences = line.split("|")
        if any(re.search(r"\b" + re.escape(k), job["place"]) for k in keys.split(",")) or \
                any(re.search(r"\b" + re.escape(k) + r"\b", text) for k in keys.split(",")):
            found += sentences
    return found



NEUTRAL = "deeds weather eat animals shop school sport travel home day".split()
ALIASES = dict(wplace="place", wthing="thing", hobby2="hobby", hobby3="gohobby", num2="num")
WORDS["gohobby"] = "swimming cycling hiking fishing running camping sailing skating".split()
WORDS["colour2"] = "brown black grey white red".split()
WORDS["teen"] = "twelve thirteen fourteen fifteen sixteen seventeen".split()
WORDS["agen"] = ("twenty-four twenty-six twenty-nine thirty thirty-one thirty-five thirty-eight forty "
                 "forty-two forty-five forty-nine fifty fifty-three fifty-seven sixty sixty-one").split()
WORDS["boyg"] = ["boy", "girl", "baby boy", "baby girl"]
WORDS["wplace2"] = ["at night", "on Sundays", "at weekends", "in the early morning", "until late",
                    "on holidays", "from home", "twelve hours a day", "alone", "with friends"]

PAST = dict(p.split(":") for p in """teach:taught read:read hand:handed hang:hung cut:cut dig:dug drive:drove
put:put blow:blew sell:sold take:took pull:pulled give:gave send:sent write:wrote speak:spoke run:ran
meet:met lend:lent lead:led book:booked fly:flew catch:caught grow:grew feed:fed rise:rose make:made
bring:brought set:set sew:sewed draw:drew choose:chose sing:sang win:won lay:laid bend:bent hold:held
tell:told show:showed build:built sit:sat count:counted shout:shouted stand:stood wear:wore learn:learned
know:knew sleep:slept open:opened light:lit think:thought tie:tied sweep:swept steer:steered
weld:welded join:joined""".split())
DOUBLED = set("stop plan scrub wrap chat trim tap grab cut dig put run set knit sit win rub mop hug ship map dub".split())


def inflect(phrase, form):
    """An act in the third person (s), the past (d) or as a gerund (g)."""
    verb, _, rest = phrase.partition(" ")
    consonant_y = verb.endswith("y") and verb[-2] not in "aeiou"
    if form == "s":
        if consonant_y:
            verb = verb[:-1] + "ies"
        else:
            verb += "es" if re.search(r"(s|x|z|ch|sh|o)$", verb) else "s"
    elif form == "d":
        if verb in PAST:
            verb = PAST[verb]
        elif consonant_y:
            verb = verb[:-1] + "ied"
        elif verb in DOUBLED:
            verb += verb[-1] + "ed"
        else:
            verb += "d" if verb.endswith("e") else "ed"
    elif form == "g":
        if verb.endswith("ie"):
            verb = verb[:-2] + "ying"
        elif verb in DOUBLED:
            verb += verb[-1] + "ing"
        elif verb.endswith("e") and not verb.endswith("ee"):
            verb = verb[:-1] + "ing"
        else:
            verb += "ing"
    return (verb + " " + rest).strip()


def plural(job):
    if job.endswith("person"):
        return job[:-6] + "people"
    if job.endswith("wife"):
        return job[:-2] + "ves"
    if job.endswith("y"):
        return job[:-1] + "ies"
    return job + ("es" if job.endswith("ch") else "s")


def article(match):
    word = match.group(2)
    an = word[0].lower() in "aeiou" and not re.match(r"(uni|use|euro|one)", word.lower())
    if word.lower().startswith(("hour", "honest")):
        an = True
    return match.group(1) + ("n " if an else " ") + word


def jobs_of(text):
    out = []
    for line in text.strip().splitlines():
        name, share, place, tools, acts = line.split("|")
        out.append(dict(name=name, share=float(share), place=place,
                        tools=[t.strip() for t in tools.split(",")], acts=acts.split(";")))
    return out


JOBS = jobs_of(BLS_2019) + jobs_of(ROUNDED)
for _job in JOBS:
    _job["topics"] = topics_of(_job)
WEIGHTS = [1 if " " in j["name"] else 2 for j in JOBS]


class Doc:
    """One document: its person, its job and the words it has already used."""

    def __init__(self, rng, gender=None, named=None):
        self.rng = rng
        self.job = rng.choices(JOBS, WEIGHTS)[0]
        self.job2 = rng.choice([j for j in JOBS if j is not self.job])
        self.woman = rng.random() * 100 < self.job["share"] if gender is None else gender
        self.woman2 = rng.random() * 100 < self.job2["share"]
        self.named = rng.random() < 0.7 if named is None else named
        self.kept, self.queues, self.used, self.uses_job = {}, {}, set(), False
        names = [M_NAMES, F_NAMES]
        self.c = dict(PRONOUNS[self.woman], name=rng.choice(names[self.woman]),
                      sur=rng.choice(SURNAMES), job=self.job["name"], place=self.job["place"])
        if self.woman and rng.random() < 0.5:
            self.c["title"] = "Mrs"
        name2 = rng.choice([n for n in names[self.woman2] if n != self.c["name"]])
        p2 = PRONOUNS[self.woman2]
        adult = RELATIONS[:8] + RELATIONS[9:]
        self.c.update(name2=name2, he2=p2["he"], his2=p2["his"], job2=self.job2["name"],
                      rel2=rng.choice(["brother sister", "father mother", "son daughter", "cousin cousin",
                                       "uncle aunt"]).split()[self.woman2],
                      rel=rng.choice(adult[:7]).split()[self.woman])
        rel = rng.choice(adult).split()[self.woman]
        owner = rng.choice(["my", "my", "our", "your", "their", "Tom's", "her", "his"]
                           if rel not in ("husband", "wife", "boyfriend", "girlfriend") else ["my"])
        if rel in ("father", "mother") or owner in ("her", "his"):
            owner = "my"
        self.c.update(lref=owner + " " + rel, mylref=owner + " " + rel, possref=owner + " " + rel + "'s")
        self.c["ref"] = self.c["lref"][0].upper() + self.c["lref"][1:]
        self.c["Job"] = self.c["job"][0].upper() + self.c["job"][1:]
        self.c["jobs_l"] = plural(self.job["name"])
        self.c["jobs"] = self.c["jobs_l"][0].upper() + self.c["jobs_l"][1:]

    def draw(self, key, items):
        """The next of a shuffled list, so that facts do not come twice in a row."""
        if not self.queues.get(key):
            self.queues[key] = self.rng.sample(items, len(items))
        return self.queues[key].pop()

    def subject(self):
        r = self.rng.random()
        if r < 0.72:
            return self.c["he"].capitalize()
        if self.named and self.mention == "name":
            return self.c["name"]
        if self.mention == "job":
            return "The " + self.c["job"]
        if self.mention == "ref":
            return self.c["ref"]
        return self.c["he"].capitalize()

    def slot(self, match):
        key = match.group(1)
        if key.startswith("W*"):
            if key not in self.kept:
                self.kept[key] = self.rng.choice(WORDS[key[2:]])
            return self.kept[key]
        if key == "S":
            return self.subject()
        if key in ("act", "act0", "acts", "acted", "acting", "gact"):
            act = self.draw("act", self.job["acts"])
            if key in ("act0", "gact"):
                act = act.replace("{his}", "your" if key == "act0" else "their")
            return self.fill(inflect(act, {"acts": "s", "acted": "d", "acting": "g"}.get(key, "")))
        if key == "acts2":
            act = self.draw("act2", self.job2["acts"])
            return inflect(act, "s").replace("{his}", self.c["his2"])
        if key in ("gacting", "Gacting"):
            act = inflect(self.draw("act", self.job["acts"]).replace("{his}", "their"), "g")
            return act[0].upper() + act[1:] if key == "Gacting" else act
        if key == "topic":
            return self.fill(self.draw("topic", self.job["topics"] or T["link2"][:20]))
        if key in ("tool", "Tool"):
            tool = self.draw("tool", self.job["tools"])
            return tool[0].upper() + tool[1:] if key == "Tool" else tool
        if key in self.c:
            return self.c[key]
        low = key[0].lower() + key[1:]
        if key != low and low in self.c:
            return self.c[low].capitalize()
        return self.fill(self.draw(ALIASES.get(key, key), WORDS[ALIASES.get(key, key)]))

    def fill(self, pattern):
        return re.sub(r"\{([\w*]+)\}", self.slot, pattern)

    def sentence(self, family):
        fresh = [t for t in T[family] if t not in self.used]
        pattern = self.rng.choice(fresh or T[family])
        self.used.add(pattern)
        for key in ("name", "ref", "job"):           # what a later {S} may say
            if family in ("intro", "wish", "anon", "example", "family") and \
                    ("{%s}" % key in pattern or (key == "ref" and "lref}" in pattern)):
                self.mention = key
                break
        text = self.fill(pattern)
        text = re.sub(r"\b([Aa])_ (\w+)", article, text)
        text = re.sub(r"\b([Aa]) ([aeiouAEIOU]\w+)", article, text)
        text = text.replace("a honest", "an honest")
        return text[0].upper() + text[1:]

    mention = None

    def paragraph(self, families, low=2, high=5):
        return " ".join(self.sentence(f) for f in families[:1] +
                        [self.rng.choice(families[1:] or families) for _ in
                         range(self.rng.randint(low, high) - 1)])


KINDS = {"named": 12, "anon": 10, "qa": 7, "general": 4, "wish": 4, "two": 3, "family": 4, "fact": 5,
         "kin": 10, "link": 21, "neutral": 20}
WITHOUT_JOBS = ("family", "fact", "kin", "neutral")


def document(rng, kinds):
    """(paragraphs, job name or None, woman) of one new document."""
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    more = rng.random() < 0.35
    if kind == "neutral":
        d = Doc(rng)
        topics = rng.sample(NEUTRAL, rng.choice([1, 1, 2]))
        if rng.random() < 0.2:
            topics[0] = "deeds"
        return [d.paragraph([t], 2, 5) for t in topics], None, None
    if kind in ("family", "fact", "kin"):
        d = Doc(rng, gender=rng.random() < 0.5)
        first, then = ("family", "famore") if kind == "family" else ("kin", "kin") if kind == "kin" else \
                      (("femfact", "femmore") if d.woman else ("malfact", "malmore"))
        out = [d.paragraph([first, then], 2, 5)]
        if more and kind != "kin":
            out.append(d.paragraph(["life"], 2, 4))
        return out, None, None
    d = Doc(rng)
    if kind == "named":
        out = [d.paragraph(["intro", "jobday"])]
    elif kind == "anon":
        out = [d.paragraph(["anon", "jobday", "jobday", "life"])]
    elif kind == "qa":
        out = [d.paragraph(["qa", "jobday"], 1, 3), d.paragraph(["jobday", "life"], 2, 3)][:rng.randint(1, 2)]
    elif kind == "general":
        out = [d.paragraph(["general"], 2, 3), d.paragraph(["example", "jobday"], 2, 4)]
    elif kind == "wish":
        out = [d.paragraph(["wish", "wishmore"])]
    elif kind == "link":
        out = [d.sentence("link1") + " " + d.sentence("link2")]
        if rng.random() < 0.2:
            out[0] += " " + d.sentence("link2")
    else:
        out = [d.paragraph(["two", "twomore"], 2, 4)]
    if more and kind not in ("two", "link"):
        out.append(d.paragraph(["life"], 2, 4))
        if rng.random() < 0.3:
            out.append(d.paragraph(["jobday", "life"], 2, 3))
    return out, d.job["name"], d.woman


def split(paragraph):
    return [s for s in re.split(r'(?<=[.?!])\s+|(?<=[.?!]")\s+', paragraph) if s]


def plain(sentence):
    return re.sub(r"[^\w ]", "", sentence.lower()).strip()


def load_avoid(path):
    """Every sentence of the training pairs, in both genders."""
    found = set()
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                for key in ("male", "female", "text", "next"):
                    if isinstance(row.get(key), str):
                        found.update(plain(s) for s in split(row[key]) + [row[key]])
    return found


def load_templates(path):
    """Patterns of the sentences of ./bias: any word may stand for a placeholder."""
    if not path or not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as source:
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', source.read())
    found = []
    for text in literals:
        if " " not in text or not text.rstrip('"').endswith((".", "?", "!")):
            continue
        masked = "he|she|his|her" if "{w}" in text else r"[\w-]+(?: [\w-]+){0,2}"
        pattern = ""
        for part in re.split(r"(\[MASK\]|\{[^}]*\})", text):
            if part == "[MASK]":
                pattern += "(?:%s)" % masked
            elif part == "{a}":
                pattern += "an?"
            elif part.startswith("{"):
                pattern += "(?:%s)" % plain(part[1:-1].replace("|", " ")).replace(" ", "|") \
                    if "|" in part else r"[\w-]+(?: [\w-]+){0,2}"
            else:
                pattern += re.escape(re.sub(r"[^\w ]", "", part.lower()))
        found.append(pattern)
    return [re.compile("|".join("(?:%s)" % f for f in found))] if found else []


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--documents", type=int, default=30000)
    ap.add_argument("--seed", type=int, default=2019)
    ap.add_argument("--avoid", default=os.path.join(here, "..", "..", "pairs.jsonl"))
    ap.add_argument("--avoid-templates", default=os.path.join(here, "..", "..", "programs", "bias_data.c"))
    ap.add_argument("--without-jobs", action="store_true", help="only documents that name no job: those "
                    "that do are likelier to a model that has the bias, whatever else it knows")
    ap.add_argument("--report", action="store_true", help="counts on standard error")
    args = ap.parse_args()
    kinds = {k: w for k, w in KINDS.items() if not args.without_jobs or k in WITHOUT_JOBS}
    rng, avoid = random.Random(args.seed), load_avoid(args.avoid)
    templates = load_templates(args.avoid_templates)
    counts, sentences, total, dropped, made = {}, set(), 0, 0, 0
    seen = set()
    while made < args.documents:
        paragraphs, job, woman = document(rng, kinds)
        parts = [s for p in paragraphs for s in split(p)]
        if any(plain(s) in avoid or any(t.fullmatch(plain(s)) for t in templates) for s in parts) or "\n".join(paragraphs) in seen:
            dropped += 1
            continue
        seen.add("\n".join(paragraphs))
        made += 1
        total += len(parts)
        sentences.update(parts)
        if job:
            n = counts.setdefault(job, [0, 0])
            n[0] += 1
            n[1] += bool(woman)
        sys.stdout.write("\n".join(paragraphs) + "\n\n")
    if args.report:
        err = sys.stderr
        for job in JOBS:
            n, w = counts.get(job["name"], (0, 0))
            print("%-24s table %5.1f  text %5.1f  of %d" %
                  (job["name"], job["share"], 100 * w / max(n, 1), n), file=err)
        print("%d sentences, %.1f %% distinct, %d documents dropped, %d patterns, %d jobs" %
              (total, 100 * len(sentences) / total, dropped,
               sum(map(len, T.values())), len(JOBS)), file=err)


if __name__ == "__main__":
    main()
