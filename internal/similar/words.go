package similar

import "strings"

// The lists here say which differences change nothing. A list that is too short
// costs a call; a word too many costs somebody a wrong answer.

func set(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

// table reads lines of "words … = value".
func table(s string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(s) {
		if keys, value, ok := strings.Cut(line, "="); ok {
			for _, key := range strings.Split(keys, ",") {
				out[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	return out
}

// english are words of English that are hardly any of another language.
var english = set(`the of and is are was were be been being what which who whose how why when where this that these those
	it its my your our their his her you we they he she i with from for to by at into about between through during
	should would could can will shall must might do does did has have had not if then than because while
	there here each every any all some many much more most less other another between both either neither
	please give tell show write make find get need want help use using used explain list describe without within
	but or so too very just only also after before above below under over again against until since`)

// elsewhere are the most frequent words of languages that use the same letters.
var elsewhere = set(`de la el los las que en un una por con para es le les des du et est pas der die das und ist nicht ein
	eine mit von zu auf il di che non per sono het een van op te dat niet den som og att och ik je wie wat como mi su
	tu te se del al al os um uma com voor aan wir ich sie bitte sur dans nous vous pour avec gli nella jest nie`)

var greetings = set(`hi hello hey greetings`)
var hours = set(`morning afternoon evening day`)
var gratitude = set(`thanks thank thx you so very much a lot in advance many for your help time`)
var pronouns = set(`i you we they he she it`)
var auxiliary = set(`is are was were do does did can could should would will may must has have had`)
var possessive = set(`my your his her its our their this that these those everyone everybody him us them me`)

// carries are words that announce a text to work on.
var carries = set(`following below translate rewrite rephrase paraphrase correct text message email sentence phrase paragraph say
	letter note conversation transcript reply answer respond classify quote pronounce spell mean word
	chat post comment tweet thread speech feedback input dialog dialogue text texts transcription`)

// judging words ask what a text is like, or who wrote it.
var judging = set(`spam phishing scam legit legitimate authentic genuine suspicious sentiment tone mood emotion emotions angry quality
	grade score rate rating judge assess evaluate essay native fluent fluency level error errors mistake mistakes ocr
	scan scanned bot human author wrote style sarcastic sarcasm toxic toxicity rude aggressive urgent urgency
	positive negative neutral feeling feelings professional readability clarity correct correctness`)

// formal words ask about how a text is written, so that nothing in it may differ.
var formal = set(`spell spells spelled spelling misspelled misspelling grammar grammatical grammatically typo typos proofread
	proofreading punctuation punctuate comma commas apostrophe apostrophes hyphen hyphens uppercase lowercase
	capitalize capitalise capitalized capitalization characters character letters vowels consonants syllable syllables
	rhyme rhymes anagram anagrams palindrome pronounce pronunciation pronounced contraction contractions verbatim
	tokenize tokens encode base64 checksum hash md5 sha256 count whitespace newline newlines typed typing
	abbreviation abbreviate formality politeness polite articles plural singular tense handwriting font emoji
	indentation formatting quote quoted exactly verbatim literal literally wording phrasing`)

// saying are those of them behind which a text may follow without any mark.
var saying = set(`following below translate rewrite rephrase paraphrase correct phrase sentence say reply answer respond quote
	pronounce spell mean word`)

// openers begin a sentence that asks for something in general, so that its mark and
// the number of its nouns say nothing.
var openers = set(`what why how when where who which whom whose is are was were do does did can could should
	would will may might must shall has have had am isn't aren't don't doesn't`)

// requests are verbs that ask for a text or for work on one.
var requests = set(`summarize translate write rewrite explain list give tell show describe extract classify generate
	draft convert compare create find check review proofread correct fix outline provide suggest analyze calculate
	compute format count identify name define paraphrase shorten simplify categorize rank sort implement refactor
	debug optimize design build make help estimate evaluate recommend solve return answer convert remove add
	update change edit improve reply respond plan prepare compose discuss turn`)

// What "can you" may stand before and ask for words only: "can you tell me", "can you
// explain why", "can you explain the difference".
var (
	tellings   = set(`give tell show help send write`)
	explaining = set(`summarize paraphrase rephrase explain describe`)
	objects    = set(`this these that how why what`)
	ideas      = set(`difference concept meaning following idea text article document`)
)

// polites make a question of "can you" a request.
var polites = set(`please pls plz kindly wondering appreciate kind`)

// onlyText are requests that can be no question of whether to: "return the deposit?"
var onlyText = set(`summarize translate rewrite explain describe extract classify paraphrase proofread shorten simplify list
	categorize outline analyze calculate define suggest identify`)

// labels are followed by a letter: vitamin A.
var labels = set(`vitamin hepatitis influenza plan option type class grade group schedule appendix exhibit section part
	series column row point variable choice answer team level block unit version letter note key flat figure table
	model building gate terminal zone room hall wing round stage phase step case category item drug product company
	party site node server user person vendor factor string element set matrix vector side`)

// ofNouns and textNouns are things that one can count, so that they have an article
// before "of", or as what is worked on.
var ofNouns = set(`capital population price concept definition meaning difference cost value size length height purpose name
	date history title author summary list structure temperature distance speed advantage disadvantage`)
var textNouns = set(`contract document article report email letter invoice message paragraph sentence text passage file essay
	story poem policy agreement clause transcript page chapter book review ticket resume note number
	conversation complaint`)

// onText are requests that are made of texts, and not of what they are about.
var onText = set(`summarize translate rewrite review proofread shorten simplify paraphrase write draft compose generate extract`)

// joining verbs need to know how many: to merge a file is not to merge files.
var joining = set(`merge combine join compare connect link match count sum add average zip concatenate group collect mix swap
	exchange multiply divide pair split share choose pick distinguish`)

// emphatic words are written in capitals only to stress them.
var emphatic = set(`not never always only don't doesn't every each very please also should shall cannot can't won't exactly
	before after`)

// acronyms mean nothing else when they are written small.
var acronyms = set(`sql json html css api apis url urls pdf pdfs csv xml http https nasa usa faq faqs kpi kpis yaml tcp udp
	dns ssh ftp vpn gpu cpu usb hdmi gdpr hipaa nosql ajax jwt oauth sdk ui ux ceo cfo cto hr roi ebitda llm llms gpt
	nlp aws gcp npm php jvm orm crud mvc regex dna rna mri ecg hiv covid iphone javascript typescript mysql postgresql
	mongodb graphql github gitlab linkedin youtube powerpoint openai chatgpt numpy ok tv`)

// capitonyms mean something else with a capital.
var capitonyms = set(`us it who aids or in is me as at am may march august polish turkey china apple java rust go swift
	will mark bill rose grace hope faith frank jack pat rob sue drew dawn may june april ruby pearl amber jade
	windows word excel teams slack square stripe notion linear amazon target gap shell chase oracle access outlook
	reading nice bath cork lima mobile orange phoenix buffalo job lent nun catholic liberal conservative republican
	democrat democratic labour labor green greens earth mercury mars saturn venus sun moon god lord bible cancer
	titan giant finish pole scot prince king queen
	jordan georgia chad niger cuba guinea jersey wales ram care pin sad safe smart start cat case mice act sat
	meta alphabet dell ford dodge ram fiat seat focus golf polo fox sky sprint zoom discord signal telegram teams
	flash chrome edge safari opera brave spark storm flask django spring express react angular vue node helm
	puppet chef salt vault console nomad terraform bash fish julia crystal scratch basic pascal ada dart elm`)

var contracted = table(`
	can't, cannot, cant = can not
	won't = will not
	shan't = shall not
	dont = do not
	doesnt = does not
	didnt = did not
	isnt = is not
	arent = are not
	wasnt = was not
	werent = were not
	couldnt = could not
	wouldnt = would not
	shouldnt = should not
	hasnt = has not
	havent = have not
	hadnt = had not
	i'm, im = i am
	ive = i have
	what's, whats = what is
	who's = who is
	where's, wheres = where is
	how's, hows = how is
	why's = why is
	when's = when is
	that's, thats = that is
	there's, theres = there is
	here's, heres = here is
	it's = it is
	he's = he is
	she's = she is
	y'all = you all
	wanna = want to
	gonna = going to
	gotta = got to
	gimme = give me
	lemme = let me
	pls, plz = please
	u = you
	thru = through
	wirte, wriet = write
	teh, hte = the
	adn, nad = and
	waht = what
	hwo = how
	taht = that
	thsi, tihs = this
	wiht, iwth = with
	wich, whcih = which
	becuase, becasue, beacuse = because
	thier = their
	freind = friend
	freinds = friends
	recieve = receive
	recieved = received
	beleive = believe
	untill, unitl = until
	alot = a lot
	okay = ok
	versus, v.s = vs
	e-mail = email
	e-mails = emails
	web-site = website`)

// openCompounds mean the same without their hyphens.
var openCompounds = set(`long-term short-term mid-term step-by-step up-to-date real-time high-level low-level open-source end-to-end
	follow-up so-called well-known day-to-day face-to-face full-time part-time third-party real-world
	state-of-the-art user-friendly object-oriented machine-learning deep-learning high-quality decision-making
	problem-solving peer-reviewed easy-to-read easy-to-understand cost-effective data-driven time-consuming
	in-depth one-page two-page high-school pull-request large-scale small-scale best-known side-effects`)

var agreeing = map[string]string{"is": "are", "are": "is", "do": "does", "does": "do", "has": "have", "have": "has"}

// counting words stand before a noun whose number matters.
var counting = set(`this that these those my our your his her their its each every all both one which many several few
	any no some number two last first next same only most least best worst`)

// otherPlural means something else in the plural, or is a matter of how many.
var otherPlural = set(`glass good custom arm new damage content premise manner force mean saving earning cloth work minute draft
	look time term iron people security future option right water wood air spirit regard return interest due
	proceed credential pill tablet dose drink share stock bond unit hour day week month year dollar euro pound
	letter brain compas statistic physic economic politic ethic mathematic acoustic athletic cosmetic graphic dynamic
	mechanic basic logistic specific generic topic metric need mine mean head tail spectacle short pant scale
	effect asset liability resource communication condition part sport speed state ground quarter thank wit
	total sale cost game wage paper step tense ill a i u thi hi it wa doe ye busines proces acces addres clas los pas
	les unles progres succes expres pres stres dres mas cros bos les illnes fitnes witnes gros gas bus plus minus virus
	status bias lens alia chaos focus campu versu analysi basi crisi diagnosi thesi hypothesi emphasi synthesi
	alway perhap beside besid toward outward upward downward sometime indeed whose that then there their`)

var ambiguousMonths = set(`may march august`)
var weekdays = set(`monday tuesday wednesday thursday friday saturday sunday`)
var days = set(`today tomorrow yesterday tonight noon midnight`)
var pointing = set(`last next this previous current past coming upcoming`)
var periods = set(`week month year quarter day weekend night morning evening afternoon century decade season semester summer winter
	spring autumn fall hour minute weeks months years quarters days`)

var months = map[string]int{
	"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
	"october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7,
	"aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}

var cardinals = map[string]int{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
	"eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
	"eighty": 80, "ninety": 90,
}

var scales = map[string]int{"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}

var ordinals = map[string]string{
	"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th",
	"eighth": "8th", "ninth": "9th", "tenth": "10th", "eleventh": "11th", "twelfth": "12th", "thirteenth": "13th",
	"fifteenth": "15th", "twentieth": "20th",
}

var fractions = set(`half quarter twice double triple thrice once`)
var romanAfter = set(`chapter section part article volume title appendix act scene book phase type class stage grade level war
	schedule annex amendment figure table henry louis elizabeth charles pope category tier bracket factor`)

// romanOne are followed by an I that is hardly a pronoun.
var romanOne = set(`type phase class war volume chapter tier schedule article title stage`)

// bounds bring what stands before a number to one form. What stands in brackets
// there is only for [ByText], as such a word may have another use: count up to ten,
// a book about two cities.
var bounds = table(`
	at least, no less than, no fewer than, minimum of, not less than, a minimum of = >=
	at most, no more than, not more than, maximum of, a maximum of = <=
	up to = <=(up)
	more than, greater than, exceeding = >
	over = >(over)
	above = >(above)
	less than, fewer than = <
	under = <(under)
	below = <(below)
	approximately, roughly, circa = ~
	about = ~(about)
	around = ~(around)
	exactly = ==
	almost, nearly = ~<
	within = within`)

var units = table(`
	%, percent, pct = %
	kg, kilogram, kilograms, kilo, kilos = kg
	g, gram, grams = g
	mg, milligram, milligrams = mg
	mcg, µg, μg, ug, microgram, micrograms = mcg
	ng, nanogram, nanograms = ng
	lb, lbs = lb
	oz, ounce, ounces = oz
	st, stone = stone
	t, tonne, tonnes = t
	ton, tons = ton
	km, kilometer, kilometers, kilometre, kilometres = km
	m, meter, meters, metre, metres = m
	cm, centimeter, centimeters, centimetre, centimetres = cm
	mm, millimeter, millimeters, millimetre, millimetres = mm
	mi, mile, miles = mile
	ft, foot, feet = ft
	in, inch, inches = inch
	yd, yard, yards = yard
	l, L, liter, liters, litre, litres = l
	ml, mL, milliliter, milliliters, millilitre, millilitres = ml
	dl, dL = dl
	gal, gallon, gallons = gallon
	s, sec, secs, second, seconds = s
	ms, millisecond, milliseconds = ms
	min, mins, minute, minutes = min
	h, hr, hrs, hour, hours = h
	d, day, days = day
	week, weeks = week
	month, months = month
	year, years, yr, yrs = year
	B, byte, bytes = byte
	bit, bits = bit
	kB, KB, kilobyte, kilobytes = KB
	MB, megabyte, megabytes = MB
	GB, gigabyte, gigabytes = GB
	TB, terabyte, terabytes = TB
	Mb, megabit, megabits = Mb
	Gb, gigabit, gigabits = Gb
	KiB = KiB
	MiB = MiB
	GiB = GiB
	mph = mph
	kph, km/h = km/h
	Mbps = Mbps
	MBps, MB/s = MB/s
	Hz, hertz = Hz
	kHz = kHz
	MHz = MHz
	GHz = GHz
	V, volt, volts = V
	kV = kV
	mV = mV
	W, watt, watts = W
	kW, kilowatt, kilowatts = kW
	MW, megawatt, megawatts = MW
	mW, milliwatt, milliwatts = mW
	kWh = kWh
	A, amp, amps = A
	mA = mA
	J, joule, joules = J
	cal, calorie, calories = cal
	kcal = kcal
	°C, celsius = C
	°F, fahrenheit = F
	degrees, degree, ° = deg
	mmol = mmol
	mol = mol
	mmHg = mmHg
	mg/kg = mg/kg
	mg/dl, mg/dL = mg/dl
	IU = IU
	USD = usd
	dollar, dollars = $
	EUR, eur, euro, euros = eur
	GBP = gbp
	pound, pounds = pound
	CHF = chf
	JPY, yen = yen
	INR, rupee, rupees = rupee
	cent, cents = cent
	bps = bps
	am, AM, a.m = am
	pm, PM, p.m = pm
	px, pixel, pixels = px
	words, word = word
	page, pages = page
	sentence, sentences = sentence
	paragraph, paragraphs = paragraph
	line, lines = line
	token, tokens = token
	x, times = x`)

// foldedUnits may be written in capitals.
var foldedUnits = set(`kg km cm lb oz usd eur chf mph am pm px`)
