//! Writes declarations and models for people: what was not changed from its default is left out.

use std::fmt::Write as _;

use super::{
    Agreement, Blocking, BlockingRule, Budget, Declaration, FORMAT, Guards, InputColumns, Level,
    Linkage, Prior, Probability, Relation, SourcesWithoutDuplicates, TermFrequency, Test, Training,
};

/// The YAML of `declaration`, which reads as it again. `notes` open it as comments.
pub fn to_yaml(declaration: &Declaration, notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes {
        let _ = writeln!(text, "# {}", note.replace('\n', " "));
    }
    let _ = writeln!(text, "model: {FORMAT}");
    records(&mut text, declaration);
    prior(&mut text, &declaration.prior);
    blocking(&mut text, &declaration.blocking);
    comparisons(&mut text, declaration);
    relations(&mut text, &declaration.relations);
    training(&mut text, &declaration.training);
    if let Some(weight) = declaration.threshold {
        let _ = writeln!(text, "\nthreshold: {{weight: {}}}", number(weight));
    }
    guards(&mut text, &declaration.guards);
    text
}

fn records(text: &mut String, declaration: &Declaration) {
    let records = &declaration.records;
    let _ = writeln!(text, "\nrecords:\n  id: {}", quoted(&records.id));
    if let Some(source) = &records.source {
        let _ = writeln!(text, "  source: {}", quoted(source));
    }
    if !records.columns.is_empty() {
        text.push_str("  columns:\n");
    }
    for (name, sql) in &records.columns {
        let _ = writeln!(text, "    {}: {}", quoted(name), quoted(sql));
    }
    if !records.inputs.is_empty() {
        text.push_str("  inputs:\n");
    }
    for (name, InputColumns { id, source, columns }) in &records.inputs {
        let _ = writeln!(text, "    {}:", quoted(name));
        for (key, value) in [("id", id), ("source", source)] {
            if let Some(value) = value {
                let _ = writeln!(text, "      {key}: {}", quoted(value));
            }
        }
        text.push_str("      columns:\n");
        for (name, sql) in columns {
            let _ = writeln!(text, "        {}: {}", quoted(name), quoted(sql));
        }
    }
    if let Some((one, other)) = &records.interchangeable {
        let _ = writeln!(text, "  interchangeable: [{}, {}]", quoted(one), quoted(other));
    }
}

fn prior(text: &mut String, prior: &Prior) {
    if *prior == Prior::default() {
        return;
    }
    text.push_str("\nprior:\n");
    if let Some(probability) = prior.probability {
        let weight = (probability / (1.0 - probability)).log2();
        let _ = writeln!(text, "  probability: {}    # {weight:.2} bits", number(probability));
    }
    if !prior.deterministic_rules.is_empty() {
        text.push_str("  deterministic_rules:\n");
        rules(text, &prior.deterministic_rules);
    }
    let _ = writeln!(text, "  recall: {}", number(prior.recall));
}

fn blocking(text: &mut String, blocking: &Blocking) {
    if *blocking == Blocking::default() {
        return;
    }
    let _ = writeln!(text, "\nblocking:\n  maximum_pairs: {}", blocking.maximum_pairs);
    if let Some(Budget { least, per_record, rule_share }) = blocking.budget {
        let rule_share = number(rule_share);
        let _ = writeln!(
            text,
            "  budget: {{least: {least}, per_record: {per_record}, rule_share: {rule_share}}}"
        );
    }
    if !blocking.rules.is_empty() {
        text.push_str("  rules:\n");
        rules(text, &blocking.rules);
    }
}

fn rules(text: &mut String, rules: &[BlockingRule]) {
    for rule in rules {
        let on: Vec<String> = rule.on.iter().map(|sql| quoted(sql)).collect();
        let _ = writeln!(text, "    - on: [{}]", on.join(", "));
        if let Some(condition) = &rule.condition {
            let _ = writeln!(text, "      where: {}", quoted(condition));
        }
        if let Some(limit) = rule.maximum_pairs {
            let _ = writeln!(text, "      maximum_pairs: {limit}");
        }
        if let Some(limit) = rule.maximum_block {
            let _ = writeln!(text, "      maximum_block: {limit}");
        }
    }
}

fn comparisons(text: &mut String, declaration: &Declaration) {
    text.push_str("\ncomparisons:\n");
    for comparison in &declaration.comparisons {
        let _ = writeln!(text, "  - name: {}", quoted(&comparison.name));
        let _ = writeln!(text, "    column: {}", quoted(&comparison.column));
        if let Some(most) = comparison.maximum_unlike {
            let _ = writeln!(text, "    maximum_unlike: {}", number(most));
        }
        text.push_str("    levels:\n");
        for level in &comparison.levels {
            write_level(text, level);
        }
    }
}

fn relations(text: &mut String, relations: &[Relation]) {
    if !relations.is_empty() {
        text.push_str("\nrelations:\n");
    }
    for relation in relations {
        let _ = writeln!(text, "  - name: {}", quoted(&relation.name));
        if relation.is_same_person {
            text.push_str("    same_person: true\n");
        }
        if let Some(share) = relation.share {
            let _ = writeln!(text, "    share: {}", number(share));
        }
        if let Some(part) = &relation.part {
            let of: Vec<String> = part.of.iter().map(|name| quoted(name)).collect();
            let pairs = part.pairs.map(|pairs| format!(", pairs: {}", number(pairs)));
            let (least, most) = part.between;
            let _ = writeln!(
                text,
                "    part: {{of: [{}], usual: {}{}, between: [{}, {}]}}",
                of.join(", "),
                number(part.usual),
                pairs.unwrap_or_default(),
                number(least),
                number(most)
            );
        }
        let shared: Vec<String> = relation
            .shared
            .iter()
            .map(|(name, probability)| format!("{}: {}", quoted(name), number(*probability)))
            .collect();
        if !shared.is_empty() {
            let _ = writeln!(text, "    shared: {{{}}}", shared.join(", "));
        }
        let _ = writeln!(text, "    otherwise: {}", number(relation.otherwise));
    }
}

fn write_level(text: &mut String, level: &Level) {
    let key = level.test.key();
    let _ = match &level.test {
        Test::JaroAtLeast(least) | Test::JaroWinklerAtLeast(least) => {
            writeln!(text, "      - {key}: {}", number(*least))
        }
        Test::LevenshteinAtMost(count)
        | Test::DamerauLevenshteinAtMost(count)
        | Test::DaysApartAtMost(count)
        | Test::DateDigitsAtMost(count)
        | Test::WordsInCommonAtLeast(count)
        | Test::OverlapAtLeast(count)
        | Test::PrefixAtLeast(count) => writeln!(text, "      - {key}: {count}"),
        Test::SwappedWith(sql) | Test::MissingWhere(sql) | Test::Sql(sql) => {
            writeln!(text, "      - {key}: {}", quoted(sql))
        }
        Test::Missing
        | Test::Exact
        | Test::DatePartsSwapped
        | Test::PostcodeArea
        | Test::PostcodeDistrict
        | Test::Phonetic
        | Test::Nickname
        | Test::Straight
        | Test::Else => writeln!(text, "      - level: {key}"),
    };
    if let Some(label) = &level.label {
        let _ = writeln!(text, "        label: {}", quoted(label));
    }
    if let (Some(m), Some(u)) = (&level.m, &level.u) {
        let _ = writeln!(text, "        weight: {}", number((m.value / u.value).log2()));
    }
    write_probability(text, "m", level.m.as_ref());
    write_probability(text, "u", level.u.as_ref());
    let fixed = [("m", &level.m), ("u", &level.u)];
    let is_fixed =
        |(_, one): &(&str, &Option<Probability>)| one.as_ref().is_some_and(|p| p.is_fixed);
    let fixed: Vec<&str> = fixed.into_iter().filter(is_fixed).map(|(name, _)| name).collect();
    if !fixed.is_empty() {
        let _ = writeln!(text, "        fixed: [{}]", fixed.join(", "));
    }
    if let Some(TermFrequency { column, weight, minimum, is_of_others }) = &level.term_frequency {
        let column = column.iter().map(|name| format!("column: {}, ", quoted(name)));
        let column: String = column.collect();
        let (weight, minimum) = (number(*weight), number(*minimum));
        let _ = writeln!(
            text,
            "        term_frequency: {{{column}weight: {weight}, minimum: {minimum}, of_others: \
             {is_of_others}}}"
        );
    }
}

fn write_probability(text: &mut String, name: &str, probability: Option<&Probability>) {
    let Some(Probability { value, origin, .. }) = probability else { return };
    let _ = writeln!(text, "        {name}: {}", number(*value));
    if !origin.is_empty() {
        let _ = writeln!(text, "        {name}_from: {}", quoted(origin));
    }
}

fn training(text: &mut String, training: &Training) {
    if *training == Training::default() {
        return;
    }
    let Training { seed, maximum_pairs, minimum_count, maximum_em_pairs, .. } = training;
    let _ = writeln!(text, "\ntraining:\n  seed: {seed}\n  maximum_pairs: {maximum_pairs}");
    let _ = writeln!(text, "  minimum_count: {minimum_count}");
    if !training.rules.is_empty() {
        text.push_str("  rules:\n");
        rules(text, &training.rules);
    }
    let _ = writeln!(text, "  maximum_em_pairs: {maximum_em_pairs}");
    let _ = writeln!(text, "  convergence: {}", number(training.convergence));
    let _ = writeln!(text, "  maximum_iterations: {}", training.maximum_iterations);
    let _ = writeln!(text, "  sample_pairs: {}", training.sample_pairs);
    let (always, each) = training.usual_pairs;
    let _ = writeln!(text, "  usual_pairs: [{}, {}]", number(always), number(each));
}

fn guards(text: &mut String, guards: &Guards) {
    if *guards == Guards::default() {
        return;
    }
    let linkage = match guards.linkage {
        Linkage::Single => "single",
        Linkage::Average => "average",
        Linkage::Complete => "complete",
    };
    let _ = writeln!(text, "\nguards:\n  linkage: {linkage}");
    agreement(text, guards.agreement);
    if let Some(weight) = guards.unscored_weight {
        let _ = writeln!(text, "  unscored_weight: {}", number(weight));
    }
    if let Some(size) = guards.maximum_cluster_size {
        let _ = writeln!(text, "  maximum_cluster_size: {size}");
    }
    if let Some(bridge) = guards.weak_bridge {
        let (below, side) = (number(bridge.below), bridge.side);
        let _ = writeln!(text, "  weak_bridge: {{below: {below}, side: {side}}}");
    }
    let list =
        |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    match &guards.one_record_per_source {
        SourcesWithoutDuplicates::None => {}
        SourcesWithoutDuplicates::All => text.push_str("  one_record_per_source: all\n"),
        SourcesWithoutDuplicates::WhereNoneRepeats => {
            text.push_str("  one_record_per_source: where_none_repeats\n");
        }
        SourcesWithoutDuplicates::Named(names) => {
            let _ = writeln!(text, "  one_record_per_source: [{}]", list(names));
        }
    }
    if !guards.one_value.is_empty() {
        let _ = writeln!(text, "  one_value: [{}]", list(&guards.one_value));
    }
}

fn agreement(text: &mut String, agreement: Agreement) {
    if agreement == Agreement::default() {
        return;
    }
    let Agreement { growth, between, ignore_below, components_from } = agreement;
    let mut keys = vec![format!("growth: {}", number(growth))];
    keys.extend(
        between.map(|(least, most)| format!("between: [{}, {}]", number(least), number(most))),
    );
    keys.extend(ignore_below.map(|bits| format!("ignore_below: {}", number(bits))));
    keys.extend(components_from.map(|bits| format!("components_from: {}", number(bits))));
    let _ = writeln!(text, "  agreement: {{{}}}", keys.join(", "));
}

/// The shortest text that reads as the same number again, and as a number to YAML 1.1 too.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A plain word as it is, all else in quotes that hide nothing.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_plain {
        return text.to_string();
    }
    // A JSON text is a double-quoted one of YAML.
    serde_json::Value::from(text).to_string()
}
