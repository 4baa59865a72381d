//! What people are called for short.

/// The short form of a given name, where it has one.
pub(super) fn nickname(given_name: &str) -> Option<&'static str> {
    NICKNAMES.iter().find(|(name, _)| *name == given_name).map(|(_, nickname)| *nickname)
}

#[rustfmt::skip]
const NICKNAMES: [(&str, &str); 96] = [
    ("Robert", "Bob"), ("William", "Bill"), ("Richard", "Dick"), ("Elizabeth", "Liz"),
    ("Margaret", "Maggie"), ("Katherine", "Kate"), ("Catherine", "Cath"), ("Thomas", "Tom"),
    ("James", "Jim"), ("Michael", "Mike"), ("Christopher", "Chris"), ("Anthony", "Tony"),
    ("Andrew", "Andy"), ("Daniel", "Dan"), ("Matthew", "Matt"), ("Joshua", "Josh"),
    ("Samuel", "Sam"), ("Benjamin", "Ben"), ("Alexander", "Alex"), ("Nicholas", "Nick"),
    ("Edward", "Ted"), ("Stephen", "Steve"), ("Steven", "Steve"), ("Joseph", "Joe"),
    ("David", "Dave"), ("John", "Jack"), ("Peter", "Pete"), ("Timothy", "Tim"),
    ("Patrick", "Paddy"), ("Gregory", "Greg"), ("Charles", "Charlie"), ("Ronald", "Ron"),
    ("Kenneth", "Ken"), ("Raymond", "Ray"), ("Philip", "Phil"), ("Jonathan", "Jon"),
    ("Geoffrey", "Geoff"), ("Russell", "Russ"), ("Douglas", "Doug"), ("Arthur", "Art"),
    ("Zachary", "Zach"), ("Terrence", "Terry"), ("Randall", "Randy"), ("Susan", "Sue"),
    ("Jennifer", "Jen"), ("Patricia", "Pat"), ("Deborah", "Debbie"), ("Rebecca", "Becky"),
    ("Victoria", "Vicky"), ("Jacqueline", "Jackie"), ("Christine", "Chris"), ("Samantha", "Sam"),
    ("Stephanie", "Steph"), ("Jessica", "Jess"), ("Abigail", "Abby"), ("Charlotte", "Lottie"),
    ("Isabella", "Bella"), ("Eleanor", "Ellie"), ("Josephine", "Josie"), ("Penelope", "Penny"),
    ("Philippa", "Pippa"), ("Rosemary", "Rosie"), ("Beatrice", "Bea"), ("Barbara", "Babs"),
    ("Dorothy", "Dot"), ("Gillian", "Gill"), ("Natalie", "Nat"), ("Olivia", "Liv"),
    ("Amelia", "Millie"), ("Matilda", "Tilly"), ("Georgina", "Georgie"), ("Sandra", "Sandy"),
    ("Kimberly", "Kim"), ("Amanda", "Mandy"), ("Wolfgang", "Wolfi"), ("Johannes", "Hans"),
    ("Katharina", "Kathi"), ("Johanna", "Hanna"), ("Maximilian", "Max"), ("Sebastian", "Basti"),
    ("Stefanie", "Steffi"), ("Franziska", "Franzi"), ("Susanne", "Susi"), ("Heinrich", "Heinz"),
    ("Frédéric", "Fred"), ("Christophe", "Chris"), ("Alexandre", "Alex"), ("Isabelle", "Isa"),
    ("Francisco", "Paco"), ("José", "Pepe"), ("Manuel", "Manolo"), ("Dolores", "Lola"),
    ("Giuseppe", "Peppe"), ("Francesco", "Franco"), ("Cornelis", "Kees"), ("Willem", "Wim"),
];
