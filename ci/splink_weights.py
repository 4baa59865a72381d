#!/usr/bin/env python3
"""Writes what Splink 5 weighs the pairs of fake_1000, which tests/linking.rs compares ours with.

Usage: splink_weights.py FAKE_1000_CSV FOLDER

FOLDER gets model.json, a model that Splink trained, saved as Splink saves it, and weights.csv, the
pairs that it predicts with that model. Needs `pip install splink==5.0.0`. The parameters are what
they are: the test is that equal parameters give equal weights, not that they are good ones.
"""

import csv
import json
import pathlib
import sys

import pandas
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

# Levels that the data has too few pairs for are given an m, as a person would give one.
UNOBSERVED_M = 0.001


def linker(people, settings):
    api = DuckDBAPI()
    return Linker(api.register(people), settings)


def trained(people):
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("first_name"),
            block_on("surname"),
            block_on("dob"),
            block_on("email"),
            block_on("substr(first_name, 1, 1)", "city"),
        ],
        comparisons=[
            comparisons.NameComparison("first_name"),
            comparisons.JaroAtThresholds("surname", [0.9, 0.7]).configure(
                term_frequency_adjustments=True
            ),
            comparisons.DateOfBirthComparison("dob", input_is_string=True),
            comparisons.ExactMatch("city").configure(term_frequency_adjustments=True),
            comparisons.EmailComparison("email"),
            comparisons.DamerauLevenshteinAtThresholds("first_name", [1, 2]),
        ],
    )
    # One column in two comparisons is one too many for a good model, but not for a test of weights.
    dictionary = settings.create_settings_dict("duckdb")
    dictionary["comparisons"][-1]["output_column_name"] = "first_name_edits"
    learner = linker(people, dictionary)
    training = learner.training
    training.estimate_probability_two_random_records_match(
        [block_on("first_name", "surname"), block_on("email")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "surname"))
    training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    model = learner.misc.save_model_to_json()
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.setdefault("m_probability", UNOBSERVED_M)
    # A frequency that is held up, and half an adjustment, to be compared too.
    city = next(one for one in model["comparisons"] if one["output_column_name"] == "city")
    city["comparison_levels"][1]["tf_minimum_u_value"] = 0.01
    city["comparison_levels"][1]["tf_adjustment_weight"] = 0.5
    model["linker_uid"] = "fixture"
    return model


def main():
    people = pandas.read_csv(sys.argv[1])
    folder = pathlib.Path(sys.argv[2])
    model = trained(people)
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    model["retain_intermediate_calculation_columns"] = True
    predicted = linker(people, model).inference.predict().as_record_list()
    names = [one["output_column_name"] for one in model["comparisons"]]
    rows = sorted(
        predicted, key=lambda pair: (int(pair["unique_id_l"]), int(pair["unique_id_r"]))
    )
    with (folder / "weights.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["left", "right", "rule", "weight", "probability"])
        for pair in rows:
            writer.writerow(
                [
                    pair["unique_id_l"],
                    pair["unique_id_r"],
                    pair["match_key"],
                    f"{pair['match_weight']:.9f}",
                    f"{pair['match_probability']:.9g}",
                ]
            )
    print(len(rows), "pairs of", len(names), "comparisons")


if __name__ == "__main__":
    main()
