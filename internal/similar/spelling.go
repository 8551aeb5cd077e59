package similar

import "strings"

// american returns the American spelling of a British word, or the word.
func american(key string) string {
	if w := british[key]; w != "" {
		return w
	}
	if len(key) < 7 || neverZ[key] {
		return key
	}
	for _, e := range endings {
		if stem, ok := strings.CutSuffix(key, e.british); ok {
			return stem + e.american
		}
	}
	return key
}

var endings = []struct{ british, american string }{
	{"isation", "ization"}, {"isations", "izations"}, {"ise", "ize"}, {"ises", "izes"}, {"ised", "ized"}, {"ising", "izing"},
	{"iser", "izer"}, {"isers", "izers"}, {"yse", "yze"}, {"ysed", "yzed"}, {"ysing", "yzing"},
}

// neverZ end in -ise on both sides of the ocean.
var neverZ = set(`advise advised advises advising exercise exercises exercised exercising precise promise promises promised
	promising otherwise likewise comprise comprises comprised surprise surprised surprises surprising franchise
	enterprise enterprises compromise compromised supervise supervised revise revised revises revising improvise
	merchandise paradise expertise concise disguise premise premises treatise raising praising raised praised
	noise cruiser adviser advisers`)

// british is in pairs: the British word, the American one.
var british = func(s string) map[string]string {
	words := strings.Fields(s)
	out := make(map[string]string, len(words))
	for i := 0; i+1 < len(words); i += 2 {
		out[words[i]] = words[i+1]
	}
	return out
}(`
	colour color colours colors coloured colored colouring coloring colourful colorful
	favour favor favours favors favoured favored favourite favorite favourites favorites favourable favorable
	behaviour behavior behaviours behaviors behavioural behavioral honour honor honours honors honoured honored
	neighbour neighbor neighbours neighbors neighbourhood neighborhood neighbouring neighboring
	flavour flavor flavours flavors flavoured flavored humour humor rumour rumor rumours rumors harbour harbor
	armour armor vapour vapor odour odor tumour tumor tumours tumors endeavour endeavor endeavours endeavors
	catalogue catalog catalogues catalogs centre center centres centers theatre theater theatres theaters
	fibre fiber fibres fibers
	travelling traveling travelled traveled traveller traveler travellers travelers cancelling canceling
	cancelled canceled labelling labeling labelled labeled modelling modeling modelled modeled signalling signaling
	signalled signaled fuelled fueled fuelling fueling counselling counseling counsellor counselor
	defence defense offence offense grey gray judgement judgment judgements judgments
	acknowledgement acknowledgment learnt learned dreamt dreamed burnt burned
	artefact artifact artefacts artifacts aluminium aluminum encyclopaedia encyclopedia anaemia anemia
	anaesthesia anesthesia anaesthetic anesthetic haemoglobin hemoglobin haemorrhage hemorrhage orthopaedic orthopedic
	paediatric pediatric paediatrician pediatrician leukaemia leukemia oesophagus esophagus oestrogen estrogen
	diarrhoea diarrhea foetus fetus foetal fetal mould mold sceptical skeptical enquiry inquiry enquiries inquiries
	ageing aging jewellery jewelry pyjamas pajamas`)
