//! The configuration keys of Axolotl's public schema, and for each key the words that are public as its value.
//!
//! Two files say what is known. `config-keys.json` is the schema of Axolotl itself: its groups, their keys, the
//! types and closed sets of their values. `config-choices.json` (written by `tools/config_choices.py` from public
//! sources) adds what the schema leaves open: the optimizers behind a key that is a bare `str`, the keys of
//! Axolotl's plugins, the members of free-form maps. A word is public only as a value of its own key: `alpaca` is
//! a data set's type, and nobody's run name.
//!
//! Anyone may ask. A file that cannot be read leaves the schema empty, so that nothing is known and nothing is
//! sent; a test checks that the built-in ones can be read.

use super::PublicStr;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const KEYS: &str = include_str!("config-keys.json");
const CHOICES: &str = include_str!("config-choices.json");

type Group = BTreeMap<String, KeyShape>;

/// What the schema says about the value of one key.
#[derive(Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct KeyShape {
    types: BTreeSet<ValueType>,
    values: BTreeSet<String>,
    items: Option<Box<Self>>,
    groups: BTreeSet<String>,
}

/// A plain type of the schema.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum ValueType {
    Any,
    Bool,
    Float,
    Int,
    Map,
    Str,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    top: String,
    groups: BTreeMap<String, Group>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choices {
    groups: BTreeMap<String, Group>,
    lists: BTreeMap<String, Vec<String>>,
    choices: BTreeMap<String, Vec<String>>,
    maps: BTreeMap<String, String>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| load(KEYS, CHOICES).unwrap_or_default());

fn load(keys: &str, choices: &str) -> serde_json::Result<Schema> {
    let mut schema: Schema = serde_json::from_str(keys)?;
    let more: Choices = serde_json::from_str(choices)?;
    for (group, members) in more.groups {
        let known_members = schema.groups.entry(group).or_default();
        for (key, key_shape) in members {
            known_members.entry(key).or_insert(key_shape);
        }
    }
    for (qualified_key, lists) in &more.choices {
        if let Some(key_shape) = schema.shape_mut(qualified_key) {
            for public_words in lists.iter().filter_map(|list| more.lists.get(list)) {
                key_shape.allow(public_words);
            }
        }
    }
    for (qualified_key, group) in more.maps {
        if let Some(key_shape) = schema.shape_mut(&qualified_key) {
            key_shape.groups.insert(group);
        }
    }
    schema.unite();
    Ok(schema)
}

impl Schema {
    /// The shape of `Group.key`.
    fn shape_mut(&mut self, qualified_key: &str) -> Option<&mut KeyShape> {
        let (group, key) = qualified_key.split_once('.')?;
        self.groups.get_mut(group)?.get_mut(key)
    }

    /// Where a value may be of one of several groups (`datasets` has five kinds), gives it one that unites them: a
    /// reader of the file cannot tell which was meant. Done again for the groups that this makes, which nest.
    fn unite(&mut self) {
        loop {
            let mut combined_groups: Vec<Vec<String>> = Vec::new();
            for key_shape in self.groups.values_mut().flat_map(BTreeMap::values_mut) {
                key_shape.unite(&mut combined_groups);
            }
            if combined_groups.is_empty() {
                return;
            }
            for names in combined_groups {
                let mut united = Group::new();
                for (key, key_shape) in names
                    .iter()
                    .filter_map(|name| self.groups.get(name))
                    .flatten()
                {
                    united.entry(key.clone()).or_default().merge(key_shape);
                }
                self.groups.insert(names.join("|"), united);
            }
        }
    }

    fn member(&'static self, group: &str, key: &str) -> Option<(PublicStr, &'static KeyShape)> {
        let (name, key_shape) = self.groups.get(group)?.get_key_value(key)?;
        Some((PublicStr::constant(name), key_shape))
    }
}

impl KeyShape {
    fn allow(&mut self, public_words: &[String]) {
        self.values.extend(public_words.iter().cloned());
        if let Some(items) = &mut self.items {
            items.allow(public_words);
        }
    }

    /// Refers to one group instead of several, which are noted.
    fn unite(&mut self, combined_groups: &mut Vec<Vec<String>>) {
        if self.groups.len() > 1 {
            let names = Vec::from_iter(std::mem::take(&mut self.groups));
            self.groups.insert(names.join("|"));
            combined_groups.push(names);
        }
        if let Some(items) = &mut self.items {
            items.unite(combined_groups);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.types.extend(&other.types);
        self.values.extend(other.values.iter().cloned());
        self.groups.extend(other.groups.iter().cloned());
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().merge(items);
        }
    }

    /// Whether the schema lets the value be a number.
    pub fn number(&self) -> bool {
        self.types.contains(&ValueType::Int) || self.types.contains(&ValueType::Float)
    }

    /// Whether the schema lets the value be a switch.
    pub fn boolean(&self) -> bool {
        self.types.contains(&ValueType::Bool)
    }

    /// Whether the command line takes the key as `--key` and `--no-key`, without a value.
    pub fn flag(&self) -> bool {
        let switch = Self {
            types: BTreeSet::from([ValueType::Bool]),
            ..Self::default()
        };
        *self == switch
    }

    /// The public word of this key that the text is, exactly.
    pub fn choice(&'static self, text: &str) -> Option<PublicStr> {
        self.values.get(text).map(|word| PublicStr::constant(word))
    }

    /// What the elements of a list look like; where the schema forgot that a key may be one, as the value itself.
    pub fn element(&self) -> &Self {
        self.items.as_deref().unwrap_or(self)
    }

    /// Whether the value may be a list.
    pub fn has_elements(&self) -> bool {
        self.items.is_some()
    }

    /// A member of the groups that the value may be.
    pub fn member(&self, key: &str) -> Option<(PublicStr, &'static Self)> {
        self.groups
            .iter()
            .find_map(|group| SCHEMA.member(group, key))
    }

    /// Whether the value may have known members.
    pub fn has_members(&self) -> bool {
        !self.groups.is_empty()
    }
}

/// A key of the configuration's top level.
pub fn top_level(key: &str) -> Option<(PublicStr, &'static KeyShape)> {
    SCHEMA.member(&SCHEMA.top, key)
}

/// Whether Axolotl's public schema has a key of that name, at any depth.
pub fn is_key(name: &str) -> bool {
    SCHEMA.groups.values().any(|group| group.contains_key(name))
}

/// Every key and every public value there is: what the last gate need not fear.
pub fn vocabulary() -> impl Iterator<Item = &'static str> {
    let mut public_words = Vec::new();
    for (key, key_shape) in SCHEMA.groups.values().flatten() {
        public_words.push(key.as_str());
        let mut next = Some(key_shape);
        while let Some(key_shape) = next {
            public_words.extend(key_shape.values.iter().map(String::as_str));
            next = key_shape.items.as_deref();
        }
    }
    public_words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_can_be_read_and_know_what_axolotl_knows() {
        let schema = load(KEYS, CHOICES).unwrap();
        assert!(
            schema.groups[&schema.top].len() > 500,
            "{}",
            schema.groups[&schema.top].len()
        );
        assert!(load("{", CHOICES).is_err() && load(KEYS, "{}").is_err());
        for key in [
            "base_model",
            "liger_rope",
            "use_reentrant",
            "fsdp_offload_params",
            "beta",
        ] {
            assert!(is_key(key), "{key}");
        }
        assert!(!is_key("acme_secret") && !is_key("") && !is_key("AxolotlInputConfig"));
    }

    #[test]
    fn every_list_and_every_group_that_is_named_exists() {
        let schema = load(KEYS, CHOICES).unwrap();
        let choices: Choices = serde_json::from_str(CHOICES).unwrap();
        for qualified_key in choices.choices.keys().chain(choices.maps.keys()) {
            let (group, key) = qualified_key.split_once('.').unwrap();
            assert!(
                schema
                    .groups
                    .get(group)
                    .is_some_and(|keys| keys.contains_key(key)),
                "{qualified_key}"
            );
        }
        for list in choices.choices.values().flatten() {
            assert!(!choices.lists[list].is_empty(), "{list}");
        }
        for group in choices.maps.values() {
            assert!(schema.groups.contains_key(group), "{group}");
        }
        for group in schema
            .groups
            .values()
            .flat_map(|keys| keys.values())
            .flat_map(|key_shape| &key_shape.groups)
        {
            assert!(schema.groups.contains_key(group), "{group}");
        }
    }

    #[test]
    fn a_word_is_public_for_its_own_key_alone() {
        for (key, word, public) in [
            ("optimizer", "adamw_bnb_8bit", true),
            ("optimizer", "ADAMW_BNB_8BIT", false),
            ("lr_scheduler", "cosine", true),
            ("lr_scheduler", "adamw_bnb_8bit", false),
            ("lr_scheduler", "cosine ", false),
            ("adapter", "qlora", true),
            ("adapter", "", false),
            ("wandb_project", "qlora", false),
            ("default_system_message", "cosine", false),
        ] {
            let (_, key_shape) = top_level(key).unwrap();
            assert_eq!(key_shape.choice(word).is_some(), public, "{key}: {word}");
        }
    }

    #[test]
    fn members_and_elements_have_their_own_shapes() {
        let (_, datasets) = top_level("datasets").unwrap();
        let (name, kind) = datasets.element().member("type").unwrap();
        assert_eq!(name.as_str(), "type");
        assert!(kind.choice("alpaca").is_some());
        assert!(datasets.element().member("learning_rate").is_none());
        // The five kinds of data set each have their own map for `type`; all of their members are known.
        for member in ["system_prompt", "chosen_format", "completion_format"] {
            assert!(kind.member(member).is_some(), "{member}");
        }
        let (_, modules) = top_level("lora_target_modules").unwrap();
        assert!(modules.element().choice("q_proj").is_some());
        assert!(
            vocabulary().any(|word| word == "q_proj")
                && vocabulary().any(|word| word == "learning_rate")
        );
    }

    #[test]
    fn a_flag_is_a_switch_and_nothing_else() {
        for (key, flag) in [
            ("flash_attention", true),
            ("bf16", false),
            ("gradient_checkpointing", false),
            ("lora_r", false),
        ] {
            assert_eq!(top_level(key).unwrap().1.flag(), flag, "{key}");
        }
    }

    #[test]
    fn no_public_value_holds_what_only_users_have() {
        for word in vocabulary() {
            let clean = word.chars().all(|c| !c.is_control()) && word.len() <= 300;
            assert!(
                clean && !word.contains("/home/") && !word.contains('@'),
                "{word}"
            );
        }
    }
}
