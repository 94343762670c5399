//! Services that take a message in a form of their own: the table of `knowledge/channels.yaml`, which explains the fields.

use regex::bytes::RegexBuilder;
use serde_json::{Map, Value};

/// How a service wants to be told.
#[derive(Debug, PartialEq)]
pub struct ChannelForm {
    /// What it is called.
    pub name: &'static str,
    address: &'static str,
    query: Query,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Addresses that are the service's.
    #[cfg(test)]
    pub examples: &'static [&'static str],
    /// Addresses that only look so.
    #[cfg(test)]
    pub look_alikes: &'static [&'static str],
}

/// What becomes of an address's query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// It stays where it is.
    None,
    /// It is moved into the body.
    Body,
}

/// What is put into a form.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'a> {
    /// What happened, in one line.
    pub title: &'a str,
    /// The rest, in several.
    pub text: &'a str,
    /// Whether it is bad news.
    pub is_bad: bool,
}

impl ChannelForm {
    /// The form of the service that has this host and path.
    pub fn at(host: &str, path: &str) -> Option<&'static Self> {
        let address = format!("{host}{path}");
        ROWS.iter().find(|form| {
            let mut pattern = RegexBuilder::new(form.address);
            let pattern = pattern.unicode(false).build();
            pattern.is_ok_and(|pattern| pattern.is_match(address.as_bytes()))
        })
    }

    /// The form of this name.
    pub fn called(name: &str) -> Option<&'static Self> {
        ROWS.iter().find(|form| form.name == name)
    }

    /// The names of all forms.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|form| form.name)
    }

    /// Whether the address's query is moved into the body.
    pub fn moves_query(&self) -> bool {
        self.query == Query::Body
    }

    /// The headers of a request, filled.
    pub fn headers(&self, filling: Filling<'_>) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Content-Type", "text/plain; charset=utf-8".to_owned())];
        if self.is_json() {
            headers = vec![("Content-Type", "application/json".to_owned())];
        }
        for (name, value) in self.headers {
            headers.push((*name, filled(value, filling)));
        }
        headers
    }

    /// The body of a request, filled; `query` is what was moved out of the address.
    pub fn body(&self, filling: Filling<'_>, query: Vec<(String, String)>) -> String {
        if !self.is_json() {
            return filled(self.body, filling);
        }
        let mut body: Value = serde_json::from_str(self.body).unwrap_or_default();
        fill(&mut body, filling);
        if let Value::Object(members) = &mut body {
            for (name, value) in query {
                members.insert(name, Value::String(value));
            }
        }
        body.to_string()
    }

    fn is_json(&self) -> bool {
        self.body.starts_with('{') && serde_json::from_str::<Map<String, Value>>(self.body).is_ok()
    }
}

fn filled(template: &str, filling: Filling<'_>) -> String {
    let priority = if filling.is_bad { "4" } else { "3" };
    let template = template.replace("{priority}", priority);
    let template = template.replace("{title}", filling.title);
    // Last: what it says is not looked at again.
    template.replace("{text}", filling.text)
}

/// Fills every text of a document.
fn fill(document: &mut Value, filling: Filling<'_>) {
    match document {
        Value::String(text) => *text = filled(text, filling),
        Value::Array(items) => {
            for item in items {
                fill(item, filling);
            }
        }
        Value::Object(members) => {
            for (_, member) in members {
                fill(member, filling);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

include!(concat!(env!("OUT_DIR"), "/channels.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    const FILLING: Filling<'_> = Filling {
        title: "train.yml: \"oom\"",
        text: "one\ntwo",
        is_bad: true,
    };

    /// Host and path of an address.
    fn parts(address: &str) -> (&str, &str) {
        let (_, rest) = address.split_once("://").unwrap();
        let rest = rest.split('?').next().unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (host.split(':').next().unwrap(), path)
    }

    #[test]
    fn each_address_finds_its_own_form_and_no_look_alike_does() {
        for form in ROWS {
            for example in form.examples {
                let (host, path) = parts(example);
                let found = ChannelForm::at(host, path).map(|found| found.name);
                assert_eq!(found, Some(form.name), "{example}");
            }
            for look_alike in form.look_alikes {
                let (host, path) = parts(look_alike);
                let found = ChannelForm::at(host, path).map(|found| found.name);
                assert_ne!(found, Some(form.name), "{look_alike}");
            }
            assert!(ChannelForm::called(form.name).is_some());
        }
    }

    #[test]
    fn each_form_says_title_and_text_whatever_they_hold() {
        for form in ROWS {
            let body = form.body(FILLING, Vec::new());
            let said = match serde_json::from_str::<Value>(&body) {
                Ok(document) => document.to_string(),
                Err(_) => body.clone(),
            };
            assert_eq!(
                form.body.starts_with("{\""),
                form.is_json(),
                "{}",
                form.name
            );
            assert!(said.contains("one") && said.contains("two"), "{said}");
            let headers = format!("{:?}", form.headers(FILLING));
            let title = said.contains("oom") || headers.contains("oom");
            assert!(title, "{}: {said} {headers}", form.name);
            assert!(!said.contains("{t") && !headers.contains("{t"), "{said}");
        }
    }

    #[test]
    fn a_moved_query_is_in_the_body() {
        let telegram = ChannelForm::called("telegram").unwrap();
        assert!(telegram.moves_query());
        let body = telegram.body(FILLING, vec![("chat_id".into(), "-7".into())]);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["chat_id"], "-7");
        assert_eq!(body["text"], "train.yml: \"oom\"\none\ntwo");
    }
}
