package similar

// realWords are words of their own that are one letter away from a common one: to
// type "contact" is no error in "contract".
var realWords = set(`dependant dependants accourt accourts achievers addressees addressers adpress adpressed adpresses adpressing advancers advances airpost
	airposts allergins analyses analysts analyzers anther backus balancers balante balantes ballance believers belive
	biologics brach braches brachs branchers browder browner browses brunch brunches budgers budges bushiness bushinesses
	busyness busynesses calender calenders calyculate cancered caner caners canker cankers canmer cannel cannels canner
	canners canter canters capitans capitol capitols carcel carcels categorizers cerate cerated cerates chanter chanters
	chapiter chapiters charter charters chaster chatter chatters chickees classes classifieds classifiers classily claude
	climaxes coerect coerected coerecting coerects comfit comfits comites commies commis committers commixt commot commots
	commuter commuters compadre compadres compages comparers comparted comparting comparts compete competer competers
	competes complains completers complexes compliant compony compter computes concert concerted concerting concerts
	confider confiders confiture confitures contact contacts contrast contrasts contrat convect convected convecting
	convects convent convented conventing convents converged converging conversed conversing convertend counties counts
	county couvert couverts covert coverts crate crated crates crating creaked creaking creamed creaming crease creased
	creases creasing cremate cremated cremates cremating crenate crenated crested cresting crete databuses decease
	deceased deceases deceasing degrease degreased degreases degreasing deign deigned deigning deigns deliverly deportment
	deportments derailed describers descried descries descrive descrived descrives descriving detained developes diagnoses
	differencies diner diners dinger dingers dinker directer discase discases discuses discussers diseuse diseuses
	dismount dismounts economics economizes employes englishes estivate estivated estivates estivating evacuate evacuated
	evacuates evacuating exceptious excerption excerptions exchangers expanse expanses expedience expediences experiencers
	explantation explantations extense extrait generalcy generale grammas guaranties hapten haptens hardwire hardwires
	headliners hosels hostels hovels identifiers identities identity impalement impalements improvers improvs increasers
	incudes infectious inflection inflections injection injections insection insections instals instill instilled
	instilling instills insulance insulances intelligencers interess interlace interlaces internat internees internes
	interrace inventor inventors invertor invertors langrage langrages lawler layer layers leaning libraires librairies
	likabilities likability livabilities livability mange manged manger mangers manges manging maraging markers medial
	mediation mediations medicide medicides mediciners meditation meditations meering melting memorizes messuage messuages
	methos metical meting modals modemed modeming modems modernes modes mohels monels morels mortgagees mortgagers motels
	neral objet objets obtect oceanus octans organizers paraphrasers paraphrasis paraphrasts patent patents physios physis
	placet placets planers planes plant plants pleasers poplar positon positons positron positrons precess precesses
	prenter preparers prepave prepaved prepaves prepaving prepaying prinker prinkers prioritizes probit probits processers
	processional processionals produces profess professes programmed programming projet projets property proscription
	proscriptions prosect prosects prosit prosits protect protects provably providers provine provined provines provining
	prowess prowesses purchasers reactor reactors receivers recept recepts recife recite recites recommenced recommencing
	redactor redactors reducers reduxes refind refinding refinds refound refounded refounding refounds refractor
	refractors relace relaced relaces relacing relume relumes remote remotes removers replacers replate replated replates
	replating replayed replaying repost reposted reposting reposts repot repots repotted repotting requirers requite
	requited requitement requitements requites requiting researchers resister resisters resort resorted resorting resorts
	responsers resumers retort retorted retorting retorts retund retunded retunding retunds revenge revenges revenuers
	revies rewove rhythmus ricers riders rievers rimers ripers risers rivels rives rivets schedulers searcing securitizes
	sentencers sentience sentiences sentient sentients serer serger sergers serves servicers servile serviles servite
	servites sever severs shopping shotten simile similes simplers simplifiers siple sipple sipples solation solations
	sooting sorbing soring sorning sotting staring statute sting storaxes storge storing stowage stowages strang
	strategics strategizes strig strong strung stupent stying subscribers subsect subsects summarizers summery teaches
	technologizes tendences tenting texting thorough though tickens tickers tiles tithes titlers tittles titules traiking
	trailing tramel tramels transection transections travers traves trining vaccinas vaccinees vacuation vacuations visile
	warrantees werther wether wethers wristing writhen writhing`)
