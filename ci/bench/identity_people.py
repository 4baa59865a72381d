"""People to link, as many as asked for, made from a seed: households at addresses, some of whose members come
again with slips, other telephones, new addresses, or values missing. The same seed gives the same people.

    python ci/bench/identity_people.py --records 1000000 --out people.parquet --truth truth.parquet

Columns: record_id, first_name, last_name, birth_date, email, phone, street, city, postcode; of the truth:
record_id, person. Needs: numpy, pyarrow.
"""

import argparse
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NAMES = pathlib.Path(__file__).parents[2] / "jobs/lib/algorithms/identity/recognise/given_names.txt"
SYLLABLES = "ba ber bor bran cal car col dar den dor el fal far fen gar gold gran hal har hel hol kel ken lan lin mac mar mel mor nor os par pen per ran ros sal sten tal tor val wal wes win yor".split()
ENDINGS = "by don er field ford ham ing land ley man ner son stead ton ville well wick wood worth".split()
HOSTS = ["gmail.com", "hotmail.com", "yahoo.com", "mail.example", "web.example"]
# Records of a person: most come once.
COPIES = (0.70, 0.18, 0.08, 0.04)


def often(random, values, count, steepness):
    """Values, the first ones more often."""
    places = (len(values) * random.random(count) ** steepness).astype(np.int64)
    return np.asarray(values, dtype=object)[np.minimum(places, len(values) - 1)]


def join(*parts):
    """Texts one behind the other."""
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + part
    return joined


def slip(random, texts, share):
    """Texts, a share of which has one letter dropped, doubled or swapped with the next."""
    changed = np.flatnonzero(random.random(len(texts)) < share)
    texts = texts.copy()
    for row, draw, kind in zip(changed, random.random(len(changed)), random.integers(0, 3, len(changed))):
        text = texts[row]
        if text is None or len(text) < 3:
            continue
        at = 1 + int(draw * (len(text) - 2))
        texts[row] = (
            text[:at] + text[at + 1 :]
            if kind == 0
            else text[:at] + text[at] + text[at:]
            if kind == 1
            else text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        )
    return texts


def people(record_count, seed=1):
    """A table of records, and who each is, in an order that chance made."""
    random = np.random.default_rng(seed)
    mean = sum(share * (copies + 1) for copies, share in enumerate(COPIES))
    count = int(record_count / mean) + 1000
    given = [name for name in NAMES.read_text().split() if name.isascii()]
    surnames = [first + second + ending for first in SYLLABLES for second in ("",) + tuple(SYLLABLES) for ending in ENDINGS]
    random.shuffle(given)
    random.shuffle(surnames)
    streets = [f"{name.title()} {kind}" for name in surnames[:6000] for kind in ("Street", "Road", "Lane")]
    cities = [name.title() for name in surnames[6000:6800]]

    # Households of one to four, who share an address and mostly a name and a telephone.
    household = np.repeat(np.arange(count), random.integers(1, 5, count))[:count]
    houses = int(household[-1]) + 1
    house_city = (len(cities) * random.random(houses) ** 2).astype(np.int64)
    numbers = random.integers(1, 200, houses).astype(str).astype(object)
    house = {
        "last_name": often(random, surnames, houses, 2.2),
        "street": join(numbers, " ", often(random, streets, houses, 1.3)),
        "city": np.asarray(cities, dtype=object)[house_city],
        "postcode": join(
            np.asarray([f"{city[:2].upper()}{place % 30 + 1}" for place, city in enumerate(cities)], dtype=object)[house_city],
            " ",
            random.integers(1, 10, houses).astype(str).astype(object),
            random.choice(np.asarray([a + b for a in "ABDEFGHJLN" for b in "PQRSTUWXYZ"], dtype=object), houses),
        ),
        "phone": join("07", random.integers(10**8, 10**9, houses).astype(str).astype(object)),
    }
    person = {name: values[household] for name, values in house.items()}
    own_name = random.random(count) < 0.15
    person["last_name"] = np.where(own_name, often(random, surnames, count, 2.2), person["last_name"])
    own_phone = random.random(count) < 0.6
    person["phone"] = np.where(
        own_phone, join("07", random.integers(10**8, 10**9, count).astype(str).astype(object)), person["phone"]
    )
    person["first_name"] = often(random, given, count, 2.0)
    days = random.integers(np.datetime64("1935-01-01").astype(int), np.datetime64("2005-12-31").astype(int), count)
    person["birth_date"] = days.astype("datetime64[D]").astype(str).astype(object)
    initials = np.asarray([name[0] for name in person["first_name"]], dtype=object)
    person["email"] = join(
        np.where(random.random(count) < 0.5, person["first_name"] + ".", initials),
        person["last_name"],
        random.integers(1, 10**4, count).astype(str).astype(object),
        "@",
        random.choice(np.asarray(HOSTS, dtype=object), count),
    )

    copies = random.choice(len(COPIES), count, p=COPIES) + 1
    who = np.repeat(np.arange(count), copies)[:record_count]
    is_again = np.concatenate([[False], who[1:] == who[:-1]])
    record = {name: values[who] for name, values in person.items()}
    total = len(who)

    def again(share):
        return is_again & (random.random(total) < share)

    moved = np.flatnonzero(again(0.12))
    elsewhere = random.integers(0, houses, len(moved))
    for name in ("street", "city", "postcode"):
        record[name][moved] = house[name][elsewhere]
    for name in ("first_name", "last_name", "street", "city", "email"):
        record[name] = np.where(is_again, slip(random, record[name], 0.1), record[name])
    swapped = again(0.03)
    record["first_name"], record["last_name"] = (
        np.where(swapped, record["last_name"], record["first_name"]),
        np.where(swapped, record["first_name"], record["last_name"]),
    )
    for row in np.flatnonzero(again(0.08)):
        year, month, day = record["birth_date"][row].split("-")
        record["birth_date"][row] = f"{year}-{day}-{month}" if int(day) <= 12 else f"{year}-{month}-{int(day) % 28 + 1:02d}"
    changed = np.flatnonzero(again(0.1))
    record["phone"][changed] = "07" + random.integers(10**8, 10**9, len(changed)).astype(str).astype(object)
    for name in record:
        record[name] = np.where(random.random(total) < 0.08, None, record[name])

    order = random.permutation(total)
    columns = ["first_name", "last_name", "birth_date", "email", "phone", "street", "city", "postcode"]
    ids = pa.array([f"{place:08d}" for place in range(total)])
    table = pa.table({"record_id": ids} | {name: pa.array(record[name][order], pa.string()) for name in columns})
    return table, pa.table({"record_id": ids, "person": pa.array(who[order])})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True, help="where the records go, as Parquet")
    parser.add_argument("--truth", required=True, help="where the truth goes, as Parquet")
    arguments = parser.parse_args()
    table, truth = people(arguments.records, arguments.seed)
    pq.write_table(table, arguments.out)
    pq.write_table(truth, arguments.truth)


if __name__ == "__main__":
    main()
