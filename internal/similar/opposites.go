package similar

import "strings"

// negations say which words deny, and which of them deny in the same way.
var negations = table(`
	not, no, never, none, nobody, nothing, nowhere, neither, nor, avoid, avoiding = not
	hardly, barely, scarcely, rarely, seldom = hardly
	without, lacking = without
	except, excluding, besides = except
	unless = unless
	instead = instead`)

// hollow are words without a meaning of their own, which stand between those that
// have one.
var hollow = set(`the a an of in on at by and or but to it its is are was were be been being do does did has have had any
	to this that these those my your our i you we they he she them us me as so if very too also which who with for
	can could will would should must may might shall please`)

// list is a list of words that exclude each other.
type list struct {
	what   string
	strict bool // a text that has one of them is not the same as a text that has none
	loose  bool // texts differ only if they have no side in common
	sides  []string
	words  [][]string
}

var (
	lexicon      = lists()
	lexiconIndex = index(lexicon)
)

func lists() (out []list) {
	for line := range strings.Lines(opposites) {
		if strings.Contains(line, "|") {
			line, loose := strings.CutPrefix(strings.TrimSpace(line), "~")
			l := sides("opposite", strings.Split(line, "|"))
			l.loose = loose
			out = append(out, l)
		}
	}
	for line := range strings.Lines(kinds) {
		if f := strings.Fields(line); len(f) > 1 {
			what, strict := strings.CutSuffix(f[0], "!")
			l := sides(what, f[1:])
			l.strict = strict
			out = append(out, l)
		}
	}
	return out
}

// sides makes a list. The words of a side are parted by white space, or by slashes.
func sides(what string, texts []string) list {
	l := list{what: what}
	for _, text := range texts {
		words := strings.Fields(strings.ReplaceAll(text, "/", " "))
		l.sides = append(l.sides, words[0])
		l.words = append(l.words, words)
	}
	return l
}

// opposites has a list a line, its sides parted by a bar. Words of one side stand
// for each other. A list with a ~ holds words of many uses: only texts that have no
// side of it in common differ by it.
const opposites = `
	increase grow rise raise raising growth growing gain | decrease shrink decline reduce reduction drop fall falling loss lower lowers lowering
	before prior | after following afterwards
	include including included | exclude excluding omit omitted
	best | worst
	better | worse
	~ good | bad
	min minimum minimize minimal | max maximum maximize maximal
	highest | lowest
	~ high higher | low lower
	~ large larger big bigger | small smaller little
	largest biggest tallest | smallest shortest
	wired | wireless
	current | former
	~ long longer lengthen | short shorter shorten
	longest | shortest
	~ more | less fewer
	~ most | least fewest
	~ all every each entire whole | some several | any | none
	~ always | never | sometimes | often | rarely seldom
	~ must mandatory required require compulsory shall | may can optional could might | should ought
	allow permit allowed permitted enable enabled legal lawful | forbid prohibit prohibited ban banned deny denied disable disabled illegal unlawful
	true | false
	~ yes | no
	positive | negative | neutral
	pro pros advantage advantages benefit benefits | con cons disadvantage disadvantages drawback drawbacks risk risks
	strength strengths | weakness weaknesses
	strong stronger | weak weaker
	buy purchase buyer purchaser buying bought | sell seller selling sold
	lend lender lending | borrow borrower borrowing
	landlord lessor | tenant lessee renter
	plaintiff claimant prosecution | defendant defense
	employer | employee
	licensor | licensee
	assignor | assignee
	mortgagor | mortgagee
	trustor grantor | trustee | beneficiary grantee
	debit | credit
	debtor | creditor
	asset assets | liability liabilities
	income revenue earnings | expense expenses cost costs spending | profit profits
	gross | net
	deposit | withdraw withdrawal
	input inputs | output outputs
	import importing | export exporting
	upload | download
	~ read reading reader | write writing writer
	~ open opened opening | close closed closing
	~ start begin beginning started | stop end ending finish stopped
	~ add addition adding append insert | remove removal removing delete deleting subtract subtraction
	multiply multiplication | divide division
	create creating creation | destroy destroying delete deleting deletion
	install installing installation | uninstall uninstalling
	encrypt encryption encode encoding | decrypt decryption decode decoding
	compress compression zip | decompress decompression unzip
	lock locked | unlock unlocked
	connect | disconnect
	subscribe | unsubscribe
	login | logout
	push | pull
	send sending sender | receive receiving receiver recipient
	~ give | take
	ascending | descending
	ascend | descend
	asc | desc
	~ up upward upwards | down downward downwards
	~ top | bottom
	~ left | right
	front | back
	inside internal inner indoor | outside external outer outdoor
	above over | below under beneath
	north northern | south southern | east eastern | west western
	~ early earlier | late later
	~ earliest oldest first | latest newest last
	~ old older | new newer
	young younger | elderly
	ancient | modern
	~ past previous last | future next | current present
	~ is are am | was were
	hot hotter warm heat heating | cold colder cool cooling
	summer | winter | spring | autumn
	~ day daytime | night nighttime
	morning | afternoon | evening
	~ light | dark
	~ fast faster quick quicker speed | slow slower
	easy easier simple simpler | hard harder difficult complex complicated
	~ hard | soft
	cheap cheaper cheapest | expensive
	cheapest | priciest
	rich wealthy | poor
	safe | dangerous unsafe
	healthy | unhealthy
	alive living | dead deceased
	male man men boy boys husband father son brother uncle | female woman women girl girls wife mother daughter sister aunt
	he him his himself | she her hers herself
	~ my mine our i me we us | your yours
	parent parents | child children
	adult adults | child children infant infants baby | senior seniors
	teacher | student pupil
	doctor physician | patient | nurse
	customer client | vendor supplier
	~ question | answer
	~ problem | solution
	~ cause causes | effect effects consequence consequences
	success succeed successful | failure fail failing failed
	win winner winning won | lose loser losing lost
	accept acceptance accepted approve approval approved | reject rejection rejected decline declined refuse refused
	agree agreement | disagree disagreement
	~ like love | dislike hate
	happy | sad unhappy
	~ support | oppose against
	attack offense offensive | defend defense defensive
	public | private
	formal | informal casual
	direct | indirect
	active | passive | inactive
	acute | chronic
	benign | malignant
	systolic | diastolic
	artery arteries arterial | vein veins venous
	hypertension hypertensive | hypotension hypotensive
	hyperglycemia | hypoglycemia
	hyperthyroidism | hypothyroidism
	hyperthermia | hypothermia
	inhale inhalation | exhale exhalation
	oral | topical | intravenous | rectal
	viral virus | bacterial bacteria | fungal
	pre-op preoperative | postoperative post-op
	antagonist | agonist
	sympathetic | parasympathetic
	anterior | posterior
	proximal | distal
	dominant | recessive
	synchronous sync | asynchronous async
	static | dynamic
	mutable | immutable
	signed | unsigned
	server | client
	frontend front-end | backend back-end
	horizontal horizontally | vertical vertically
	row rows | column columns
	rows | columns
	~ even | odd
	~ single | multiple | double
	singular | plural
	absolute | relative
	local | remote | global
	temporary | permanent
	~ fixed | variable | floating
	~ short-term | long-term
	bull bullish | bear bearish
	~ call calls | put puts
	~ long | short
	fiscal | monetary
	civil | criminal
	federal | state | municipal
	defamation | perjury
	felony | misdemeanor
	guilty | innocent
	appellant | appellee respondent
	domestic | international foreign
	urban | rural
	theoretical theory | practical practice
	qualitative | quantitative
	objective | subjective
	primary | secondary | tertiary
	major | minor
	majority | minority
	breakfast | lunch | dinner supper
	appetizer | dessert
	vegan | vegetarian
	raw | cooked
	wet | dry
	~ full | empty
	thick | thin
	wide wider | narrow narrower
	deep | shallow
	~ near close nearest closest | far farthest
	arrive arrival arriving | depart departure departing leave leaving
	hire hiring hired recruit | fire firing fired dismiss dismissal
	promote promotion | demote demotion
	marry marriage | divorce
	birth born | death died
	enter entry | exit
	appear | disappear vanish
	remember | forget
	expand expansion | contract contraction
	inflate inflation | deflate deflation
	appreciate appreciation | depreciate depreciation
	surplus | deficit
	supply | demand
	wholesale | retail
	cash | accrual
	formal | informal
	persuade encourage | dissuade discourage
	fake false | genuine real authentic
	~ fact facts | opinion opinions
	fiction | nonfiction non-fiction
	prose | poetry
	synonym synonyms | antonym antonyms
	similarity similarities alike similar | difference differences different differ
	compare | contrast
	~ present | absent
	attended | missed
	paid | unpaid owed
	refund | charge
	opt-in | opt-out
	enabled on | disabled off
	online | offline
	manual manually | automatic automatically
	upgrade upgrading | downgrade downgrading
	minor | major
	~ monthly | weekly | daily | yearly annual annually | hourly | quarterly
	~ weeks week | months month | years year | days day
	kilometers km | miles
	celsius | fahrenheit | kelvin
	kilograms kg | pounds lbs
	dollars usd | euros eur | yen | pounds gbp`

// kinds has a list a line: what its words are called, and the words, each of which
// excludes the others. With a !, a text that has one is not the same as one without.
const kinds = `
	language! english french german spanish italian portuguese russian chinese mandarin cantonese japanese korean arabic hindi dutch swedish norwegian danish finnish greek latin hebrew ukrainian czech hungarian romanian vietnamese
	format! json xml yaml csv html markdown pdf sql toml docx xlsx png jpeg
	technology! python javascript typescript kotlin scala php perl haskell fortran cobol django postgresql mysql sqlite mongodb redis kafka docker kubernetes terraform linux macos ubuntu debian android ios windows aws azure gcp
	place! america europe asia africa australia canada france germany spain italy portugal russia japan korea india brazil mexico argentina egypt nigeria kenya sweden norway denmark finland poland austria switzerland belgium netherlands ireland scotland england greece israel iran iraq pakistan vietnam thailand indonesia malaysia singapore london paris berlin madrid rome vienna tokyo beijing shanghai moscow amsterdam brussels dublin lisbon oslo stockholm copenhagen helsinki warsaw prague budapest athens istanbul cairo sydney melbourne toronto chicago boston seattle california texas florida
	animal cat/cats dog/dogs horse/horses cow/cows pig/pigs sheep bird/birds fish rabbit/rabbits hamster/hamsters mouse/mice lion/lions tiger/tigers
	color red blue green yellow orange purple black white pink brown gray
	organ heart liver kidney lung brain stomach skin bone bladder pancreas thyroid
	body hand foot leg arm knee shoulder elbow ankle wrist hip neck
	drug ibuprofen acetaminophen paracetamol aspirin naproxen amoxicillin penicillin metformin insulin warfarin heparin lisinopril losartan atorvastatin simvastatin prednisone prednisolone omeprazole sertraline fluoxetine
	element hydrogen helium carbon nitrogen oxygen sodium potassium calcium magnesium iron copper zinc silver gold mercury lead uranium
	planet venus jupiter saturn uranus neptune pluto
	meat beef pork chicken turkey lamb salmon tuna
	relation nephew niece cousin grandfather grandmother
	metric precision recall accuracy f1 auc
	statistic mean/average median mode variance
	verb summarize/summary translate/translation rewrite classify/classification`
