//! How records are linked by probability, as people declare it: what is compared, which pairs
//! are, and what holds a customer together. A declaration whose levels carry numbers is a model.

mod reading;
mod writing;

pub use reading::{parse, read};
pub use writing::to_yaml;

/// The version of the format that this reads and writes.
pub const FORMAT: u32 = 1;

/// A declaration, and a model where its levels carry their probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Where the records' columns come from.
    pub records: Records,
    /// How likely two records are one person before anything of them is compared.
    pub prior: Prior,
    /// Which pairs are compared.
    pub blocking: Blocking,
    /// What of a pair is compared, in order.
    pub comparisons: Vec<Comparison>,
    /// The kinds of pairs there are; none: one person, or strangers.
    pub relations: Vec<Relation>,
    /// How probabilities are estimated that are not given.
    pub training: Training,
    /// Pairs of this match weight in bits, or of more, are one customer; none: nothing was chosen.
    pub threshold: Option<f64>,
    /// What keeps strangers apart though pairs would join them.
    pub guards: Guards,
}

/// Where the records' columns come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The column of the record's id, unique within its source.
    pub id: String,
    /// The column of the source's name; none: each input is a source, named as its file.
    pub source: Option<String>,
    /// Columns that rules read, each with its SQL over one record; later ones may use earlier
    /// ones.
    pub columns: Vec<(String, String)>,
    /// What is different in inputs of their own, by their names.
    pub inputs: Vec<(String, InputColumns)>,
    /// Two columns that people mix up, such as given and family names: a pair is compared with
    /// those of one record exchanged where that makes them alike.
    pub interchangeable: Option<(String, String)>,
}

/// What the records of one input are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputColumns {
    /// The column of the record's id; none: that of all inputs.
    pub id: Option<String>,
    /// The column of the source's name; none: that of all inputs.
    pub source: Option<String>,
    /// The columns that records have, each with its SQL over the file's own columns; where there
    /// are any, the file's own are not to be seen beside them.
    pub columns: Vec<(String, String)>,
}

impl Default for Records {
    fn default() -> Self {
        Records {
            id: "record_id".to_string(),
            source: None,
            columns: vec![],
            inputs: vec![],
            interchangeable: None,
        }
    }
}

impl Records {
    /// What is different in the input of that name.
    pub fn input(&self, name: &str) -> Option<&InputColumns> {
        self.inputs.iter().find(|(known, _)| known == name).map(|(_, columns)| columns)
    }
}

/// How likely two records are one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// The probability that two records drawn at random are one person; none: it is estimated.
    pub probability: Option<f64>,
    /// Rules whose pairs surely are.
    pub deterministic_rules: Vec<BlockingRule>,
    /// The share of all such pairs that the rules are assumed to find.
    pub recall: f64,
}

impl Default for Prior {
    fn default() -> Self {
        Prior { probability: None, deterministic_rules: vec![], recall: 0.8 }
    }
}

/// Which pairs are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocking {
    /// How many pairs all rules together may find; none: each finds all of its own.
    pub budget: Option<Budget>,
    /// How many pairs a rule may find that says nothing else.
    pub maximum_pairs: u64,
    /// The rules; a pair is compared once, under the first that finds it.
    pub rules: Vec<BlockingRule>,
}

impl Default for Blocking {
    fn default() -> Self {
        Blocking { budget: None, maximum_pairs: 100_000_000, rules: vec![] }
    }
}

/// How many pairs all rules together may find. Where there are no more than that, all are
/// compared. Otherwise rules take their smallest blocks first, which tell most: what many records
/// share is left to the narrower rules behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// So many at least.
    pub least: u64,
    /// So many for each record, where that is more.
    pub per_record: u64,
    /// The greatest part of them that one rule takes, from 0 to 1.
    pub rule_share: f64,
}

impl Budget {
    /// How many pairs that is among so many records.
    pub fn pairs(&self, record_count: u64) -> u64 {
        self.least.max(self.per_record.saturating_mul(record_count))
    }
}

/// A rule that finds pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockingRule {
    /// SQL over one record; both records of a pair have equal values, none of them null.
    pub on: Vec<String>,
    /// SQL over the records `l` and `r` that holds too.
    pub condition: Option<String>,
    /// How many pairs it may find; none: as many as any rule.
    pub maximum_pairs: Option<u64>,
    /// How many records may share the values; larger blocks are left out of this rule.
    pub maximum_block: Option<u64>,
}

/// What of a pair is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Its name, unique in the declaration.
    pub name: String,
    /// The column that its levels compare.
    pub column: String,
    /// From the most alike to the least; the first that holds is the pair's.
    pub levels: Vec<Level>,
    /// The most that m of the least alike level is taken to be, where relations are estimated.
    pub maximum_unlike: Option<f64>,
}

/// A kind of pair, such as two people of one household.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its name, unique in the declaration.
    pub name: String,
    /// Whether both records are one person.
    pub is_same_person: bool,
    /// Its share among all pairs; none: it is estimated.
    pub share: Option<f64>,
    /// That it is a part of other relations and itself.
    pub part: Option<Part>,
    /// For comparisons by name, how probable it is that what is compared is shared.
    pub shared: Vec<(String, f64)>,
    /// The same for all other comparisons.
    pub otherwise: f64,
}

/// A relation's share as a part of itself and others.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The others' names.
    pub of: Vec<String>,
    /// The part that it usually is.
    pub usual: f64,
    /// How many pairs that counts as; none: it is never another.
    pub pairs: Option<f64>,
    /// The least and the greatest part that it is taken to be.
    pub between: (f64, f64),
}

impl Relation {
    /// How probable it is that what a comparison compares is shared.
    pub fn shares(&self, comparison: &str) -> f64 {
        let named = self.shared.iter().find(|(name, _)| name == comparison);
        named.map_or(self.otherwise, |(_, probability)| *probability)
    }
}

/// A degree of likeness.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// When it holds.
    pub test: Test,
    /// Its name for people; none: what its test says.
    pub label: Option<String>,
    /// Probability of the level among pairs that are one person.
    pub m: Option<Probability>,
    /// Probability of the level among pairs that are not.
    pub u: Option<Probability>,
    /// How a value's frequency changes what the level weighs.
    pub term_frequency: Option<TermFrequency>,
}

impl Level {
    /// A level without numbers.
    pub fn of(test: Test) -> Level {
        Level { test, label: None, m: None, u: None, term_frequency: None }
    }
}

/// A level's probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Probability {
    /// From 0 to 1.
    pub value: f64,
    /// Whether training leaves it as it is.
    pub is_fixed: bool,
    /// How it was estimated, for people; empty where it was given.
    pub origin: String,
}

impl Probability {
    /// One that was given and may be trained.
    pub fn given(value: f64) -> Probability {
        Probability { value, is_fixed: false, origin: String::new() }
    }
}

/// When a level holds of the values of a pair.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of them is null: the pair tells nothing.
    Missing,
    /// This SQL over the records `l` and `r` says that the pair tells nothing.
    MissingWhere(String),
    /// They are equal.
    Exact,
    /// Their Jaro similarity is this or more.
    JaroAtLeast(f64),
    /// Their Jaro–Winkler similarity is this or more.
    JaroWinklerAtLeast(f64),
    /// So many edits part them, or fewer.
    LevenshteinAtMost(u32),
    /// The same, with swapped neighbours as one edit.
    DamerauLevenshteinAtMost(u32),
    /// The dates lie so many days apart, or fewer.
    DaysApartAtMost(u32),
    /// The dates are one another with day and month swapped.
    DatePartsSwapped,
    /// So many of the eight digits of the dates differ, or fewer.
    DateDigitsAtMost(u32),
    /// The postcodes lie in one area.
    PostcodeArea,
    /// The postcodes lie in one district.
    PostcodeDistrict,
    /// The names sound alike.
    Phonetic,
    /// The given names are forms of one.
    Nickname,
    /// The texts share so many words, or more.
    WordsInCommonAtLeast(u32),
    /// The lists share so many elements, or more.
    OverlapAtLeast(u32),
    /// Their first so many characters are equal.
    PrefixAtLeast(u32),
    /// This column and that one changed places.
    SwappedWith(String),
    /// The interchangeable columns of the records did not change places.
    Straight,
    /// SQL over the records `l` and `r`.
    Sql(String),
    /// None of the levels above holds.
    Else,
}

/// How a value's frequency changes what a level weighs.
#[derive(Debug, Clone, PartialEq)]
pub struct TermFrequency {
    /// The column whose values are counted; none: the comparison's.
    pub column: Option<String>,
    /// How much of the adjustment counts.
    pub weight: f64,
    /// The least frequency that a value is taken to have.
    pub minimum: f64,
    /// Whether the expected duplicates of a person are taken off: how often other people have the
    /// value. It needs relations, which say how many pairs are one person.
    pub is_of_others: bool,
}

impl Default for TermFrequency {
    fn default() -> Self {
        TermFrequency { column: None, weight: 1.0, minimum: 0.0, is_of_others: false }
    }
}

/// How probabilities are estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Another seed, another sample.
    pub seed: u64,
    /// How many pairs of random records u is estimated from, at most.
    pub maximum_pairs: u64,
    /// How many of them have to be on each level of a comparison for it to need no more.
    pub minimum_count: u64,
    /// Rules whose pairs m is estimated from; none: those that find pairs.
    pub rules: Vec<BlockingRule>,
    /// How many pairs of a rule m is estimated from, about.
    pub maximum_em_pairs: u64,
    /// The largest change of a probability that ends the estimation.
    pub convergence: f64,
    /// How often probabilities are estimated anew, at most.
    pub maximum_iterations: u32,
    /// How many pairs of random records stand for all that no rule finds, where relations are
    /// estimated.
    pub sample_pairs: u64,
    /// How many pairs a level's m counts as to begin with, where relations are estimated: so many,
    /// and for each pair of one person so many more.
    pub usual_pairs: (f64, f64),
}

impl Default for Training {
    fn default() -> Self {
        Training {
            seed: 1,
            maximum_pairs: 1_000_000,
            minimum_count: 100,
            rules: vec![],
            maximum_em_pairs: 1_000_000,
            convergence: 0.0001,
            maximum_iterations: 25,
            sample_pairs: 200_000,
            usual_pairs: (20.0, 0.03),
        }
    }
}

/// What keeps strangers apart though pairs would join them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guards {
    /// How two clusters must agree to be joined.
    pub linkage: Linkage,
    /// How the agreement of several pairs is counted, where pairs agree on average.
    pub agreement: Agreement,
    /// What a pair counts as, in bits, that no rule found; none: nothing.
    pub unscored_weight: Option<f64>,
    /// How many records a customer may have.
    pub maximum_cluster_size: Option<u32>,
    /// Links that alone hold two parts together are cut.
    pub weak_bridge: Option<WeakBridge>,
    /// Sources that hold a person once.
    pub one_record_per_source: SourcesWithoutDuplicates,
    /// Columns of which a customer has one value.
    pub one_value: Vec<String>,
}

/// How two clusters must agree to be joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Linkage {
    /// One pair of their records is enough.
    #[default]
    Single,
    /// The pairs between them agree on average.
    Average,
    /// All pairs between them agree.
    Complete,
}

/// How the agreement of several pairs is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Agreement {
    /// How much the evidence of c pairs weighs, as a power of c: 0, as much as that of one.
    pub growth: f64,
    /// The least and the most that a pair counts as, in bits; none: as much as it weighs.
    pub between: Option<(f64, f64)>,
    /// Pairs of fewer bits say nothing; none: all say something.
    pub ignore_below: Option<f64>,
    /// Pairs of so many bits make the components all of whose pairs are compared; none: those of
    /// the threshold.
    pub components_from: Option<f64>,
}

/// A link that alone holds two parts together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeakBridge {
    /// Links of fewer bits are cut.
    pub below: f64,
    /// Where each part has so many records, or more.
    pub side: u32,
}

/// Sources that hold a person once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SourcesWithoutDuplicates {
    /// None does.
    #[default]
    None,
    /// These do.
    Named(Vec<String>),
    /// All do.
    All,
    /// Those do whose own pairs are hardly ever expected to be one person, beside pairs with other
    /// sources that are.
    WhereNoneRepeats,
}

impl Test {
    /// Whether a pair on the level tells nothing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Test::Missing | Test::MissingWhere(_))
    }

    /// The key that declares it.
    pub fn key(&self) -> &'static str {
        match self {
            Test::Missing => "missing",
            Test::MissingWhere(_) => "missing_where",
            Test::Exact => "exact",
            Test::JaroAtLeast(_) => "jaro_at_least",
            Test::JaroWinklerAtLeast(_) => "jaro_winkler_at_least",
            Test::LevenshteinAtMost(_) => "levenshtein_at_most",
            Test::DamerauLevenshteinAtMost(_) => "damerau_levenshtein_at_most",
            Test::DaysApartAtMost(_) => "days_apart_at_most",
            Test::DatePartsSwapped => "date_parts_swapped",
            Test::DateDigitsAtMost(_) => "date_digits_at_most",
            Test::PostcodeArea => "postcode_area",
            Test::PostcodeDistrict => "postcode_district",
            Test::Phonetic => "phonetic",
            Test::Nickname => "nickname",
            Test::WordsInCommonAtLeast(_) => "words_in_common_at_least",
            Test::OverlapAtLeast(_) => "overlap_at_least",
            Test::PrefixAtLeast(_) => "prefix_at_least",
            Test::SwappedWith(_) => "swapped_with",
            Test::Straight => "straight",
            Test::Sql(_) => "sql",
            Test::Else => "else",
        }
    }
}

impl Comparison {
    /// The number of a level in comparison vectors: −1 where nothing can be compared, else 0 for
    /// the least alike and one more for each level above.
    pub fn value_of(&self, place: usize) -> i8 {
        if self.levels.get(place).is_none_or(|level| level.test.is_missing()) {
            return -1;
        }
        let below = self.levels.iter().skip(place + 1);
        let less_alike = below.filter(|level| !level.test.is_missing()).count();
        i8::try_from(less_alike).unwrap_or(i8::MAX)
    }

    /// The levels that tell something, from the number 0 upward.
    pub fn telling(&self) -> impl Iterator<Item = &Level> {
        self.levels.iter().rev().filter(|level| !level.test.is_missing())
    }

    /// The same, to be changed.
    pub fn telling_mut(&mut self) -> impl Iterator<Item = &mut Level> {
        self.levels.iter_mut().rev().filter(|level| !level.test.is_missing())
    }
}

impl Declaration {
    /// Whether every level that tells something has its probabilities, and the prior, or every
    /// relation its share: it is a model.
    pub fn is_trained(&self) -> bool {
        let mut levels = self.comparisons.iter().flat_map(Comparison::telling);
        let has_prior = match self.relations.as_slice() {
            [] => self.prior.probability.is_some(),
            relations => relations.iter().all(|relation| relation.share.is_some()),
        };
        has_prior && levels.all(|level| level.m.is_some() && level.u.is_some())
    }
}
