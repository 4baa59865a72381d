//! Names by their sound and their short forms.

use std::collections::HashMap;
use std::sync::LazyLock;

use rphonetic::DoubleMetaphone;

/// How many letters a sound's code has at most; Philips's own four would make `christopher` sound
/// as `christina`.
const CODE_LENGTH: usize = 6;

static SOUNDS: LazyLock<DoubleMetaphone> =
    LazyLock::new(|| DoubleMetaphone::new(Some(CODE_LENGTH)));

/// How a name sounds to an English ear: its primary code by Double Metaphone, of up to six letters.
///
/// None for text without a sound.
/// Source: Philips (2000).
pub fn phonetic(name: &str) -> Option<String> {
    let sound = SOUNDS.double_metaphone(name);
    Some(sound.primary()).filter(|code| !code.is_empty())
}

/// Whether two names may sound alike: they share a code of Double Metaphone, be it the primary or
/// the alternate one. Text without a sound is like nothing.
pub fn sounds_alike(left: &str, right: &str) -> bool {
    let (left, right) = (SOUNDS.double_metaphone(left), SOUNDS.double_metaphone(right));
    let left = [left.primary(), left.alternate()];
    let right = [right.primary(), right.alternate()];
    left.iter().any(|code| !code.is_empty() && right.contains(code))
}

/// Whether two given names, normalised, are forms of one: `bob` and `robert`, `bob` and `rob`. A
/// name is no form of itself.
pub fn are_nicknames(left: &str, right: &str) -> bool {
    let groups = |name| GROUPS_OF.get(name).map_or(&[] as &[u16], Vec::as_slice);
    left != right && groups(left).iter().any(|group| groups(right).contains(group))
}

/// The full name that a given name, normalised, is the usual short form of; the name itself where
/// it is none. Of several full names the first of the list: `chris` is `christopher`.
pub fn nickname_root(name: &str) -> &str {
    let group = GROUPS_OF.get(name).and_then(|groups| groups.first());
    let forms = group.and_then(|group| FORMS.get(usize::from(*group)));
    forms.and_then(|forms| forms.split(' ').next()).unwrap_or(name)
}

/// For each name the groups it stands in, ascending.
static GROUPS_OF: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut groups_of: HashMap<&str, Vec<u16>> = HashMap::new();
    for (group, forms) in (0..).zip(FORMS) {
        for name in forms.split(' ') {
            groups_of.entry(name).or_default().push(group);
        }
    }
    groups_of
});

/// Forms of one name, the full one first, folded to plain lower-case letters.
const FORMS: [&str; 148] = [
    "aaron ron ronnie",
    "abigail abby abbie gail",
    "abraham abe bram",
    "adelaide addie heidi",
    "agnes aggie nessie",
    "albert al bert bertie",
    "alexander alex al alec alick sandy xander sasha lex",
    "alexandra alex sandra sandy lexi sasha alexa",
    "alfred al alf alfie fred freddie",
    "alice ali allie",
    "alison ali allie",
    "amanda mandy",
    "amelia millie amy milly",
    "andrew andy drew",
    "andreas andi andy",
    "angela angie ange",
    "ann anne annie nan nancy",
    "anthony tony ant toni",
    "antonio tony toni tonio",
    "archibald archie",
    "arthur art artie",
    "barbara babs barb barbie",
    "bartholomew bart",
    "beatrice bea trixie bee",
    "benjamin ben benny benji",
    "bernard bernie",
    "bridget biddy bridie",
    "caroline carrie caro",
    "catherine cath cathy kate katie kitty cat",
    "katherine kath kathy kate katie kitty kat kathryn",
    "katharina kathi kati katja",
    "cecilia cissy celia",
    "charles charlie chuck chas chaz",
    "charlotte charlie lottie lotte",
    "christopher chris kit topher",
    "christine chris chrissie tina christina",
    "christian chris",
    "clarence clary",
    "constance connie",
    "cornelis kees cor",
    "cynthia cindy",
    "daniel dan danny",
    "danielle dani",
    "david dave davey davy",
    "deborah debbie deb debra",
    "dennis denny",
    "donald don donny",
    "dorothy dot dottie dolly",
    "douglas doug",
    "edmund ed eddie ned",
    "edward ed eddie ted teddy ned",
    "edwin ed eddie",
    "eleanor ellie nell nora lenore",
    "elizabeth liz lizzie beth betty bess betsy eliza lisa libby elsie",
    "emily em emmy millie",
    "emma em emmy",
    "ernest ernie",
    "eugene gene",
    "evelyn evie eve",
    "florence flo florrie",
    "frances fran fanny francie",
    "francis frank frankie fran",
    "francisco paco pancho curro",
    "francesco franco cesco",
    "franziska franzi",
    "franklin frank",
    "frederick fred freddie freddy fritz rick",
    "gabriel gabe",
    "gabrielle gabby gaby",
    "geoffrey geoff jeff jeffrey",
    "george georgie",
    "georgina georgie gina",
    "gerald gerry jerry",
    "gerard gerry",
    "giuseppe beppe peppe pino",
    "gregory greg gregg",
    "harold harry hal",
    "harriet hattie",
    "heinrich heinz heini",
    "helen nell nellie ellen",
    "henry harry hank hal",
    "herbert herb bert bertie",
    "howard howie",
    "isaac ike zac",
    "isabella bella izzy isa isabel isabelle",
    "jacob jake",
    "jacqueline jackie jacqui",
    "james jim jimmy jamie jem",
    "jane janey jenny janie",
    "janet jan",
    "jennifer jen jenny jenna",
    "jessica jess jessie",
    "joanna jo joanne",
    "johannes hans jan hannes johann",
    "johanna hanna jo",
    "john jack johnny jon",
    "jonathan jon jonny nathan",
    "joseph joe joey",
    "josephine jo josie",
    "jose pepe",
    "joshua josh",
    "judith judy jude",
    "julia julie jules",
    "kenneth ken kenny",
    "kimberly kim kimberley",
    "lawrence larry laurie laurence",
    "leonard len lenny leo",
    "louis lou louie lewis",
    "louise lou",
    "lucy lu lucille",
    "madeleine maddie madeline",
    "manuel manolo manny",
    "margaret maggie meg peggy peg marge margie madge daisy greta rita",
    "martha mattie patty",
    "martin marty",
    "mary molly polly mamie may",
    "matilda tilly mattie",
    "matthew matt mat",
    "maximilian max",
    "michael mike mick mickey micky mikey",
    "mitchell mitch",
    "natalie nat nattie",
    "nathaniel nathan nat nate",
    "nicholas nick nicky nic nicolas",
    "nicola nicky nic",
    "oliver ollie olly",
    "olivia liv livvy ollie",
    "pamela pam",
    "patricia pat patsy patty trish tricia",
    "patrick pat paddy rick",
    "penelope penny",
    "peter pete",
    "philip phil pip phillip",
    "philippa pippa pip",
    "randall randy",
    "raymond ray",
    "rebecca becky becca beck",
    "richard rick ricky dick rich richie dickie",
    "robert rob bob bobby robbie robby bert",
    "rosemary rose rosie",
    "ronald ron ronnie",
    "samuel sam sammy",
    "samantha sam sammy",
    "sebastian seb basti bastian",
    "stephen steve stevie steven stefan",
    "stephanie steph stefanie steffi",
    "susan sue susie suzie susanne susanna susi",
    "thomas tom tommy",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_sound() {
        // Philips's own examples, and spellings of one sound.
        for (left, right) in [
            ("smith", "schmidt"),
            ("catherine", "katherine"),
            ("philip", "filip"),
            ("stephen", "steven"),
        ] {
            assert!(sounds_alike(left, right), "{left} {right}");
        }
        for (left, right) in
            [("smith", "jones"), ("", ""), ("123", "456"), ("christopher", "christina")]
        {
            assert!(!sounds_alike(left, right), "{left} {right}");
        }
        assert_eq!(phonetic("smith").as_deref(), Some("SM0"));
        assert_eq!(phonetic("42"), None);
    }

    #[test]
    fn short_forms_share_a_full_name() {
        for (left, right) in
            [("robert", "bob"), ("bob", "rob"), ("kate", "catherine"), ("liz", "beth")]
        {
            assert!(are_nicknames(left, right) && are_nicknames(right, left), "{left} {right}");
        }
        assert!(!are_nicknames("robert", "robert"));
        assert!(!are_nicknames("robert", "william"));
        assert!(!are_nicknames("zebulon", "zeb"));
        assert_eq!(nickname_root("bob"), "robert");
        assert_eq!(nickname_root("robert"), "robert");
        assert_eq!(nickname_root("chris"), "christopher");
        assert_eq!(nickname_root("zebulon"), "zebulon");
    }

    #[test]
    fn every_form_is_folded_and_stands_once_in_its_group() {
        for forms in FORMS {
            let mut names: Vec<&str> = forms.split(' ').collect();
            assert!(names.len() > 1, "{forms}");
            assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase())));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), forms.split(' ').count(), "{forms}");
        }
    }
}
