//! One class of the Python module.

use super::kind::{Default, MISSING, attribute_type, default, expression, parameter_type};
use super::names;
use super::patterns::Patterns;
use super::text::{broken, docstring, listed, paragraphs, quoted, tuple};
use crate::schema::model::{Kind, Member, Model, Presence, Shape, Unsupported};

/// Members whose values must not be seen. The schema says nothing of it: on the wire they are texts.
const SECRETS: [(&str, &str); 1] = [("ApiCall", "actor")];

/// What a class is made from.
pub(super) struct Class<'a> {
    pub(super) name: &'a str,
    pub(super) description: String,
    pub(super) members: &'a [Member],
    /// The member that tells the class from others, with its value.
    pub(super) tag: Option<(&'a str, &'a str)>,
}

/// Writes classes of a model.
pub(super) struct Classes<'a> {
    pub(super) model: &'a Model,
    pub(super) patterns: &'a Patterns,
}

impl Classes<'_> {
    /// The lines of a class.
    pub(super) fn lines(&self, class: &Class<'_>) -> Result<Vec<String>, Unsupported> {
        for member in class.members {
            names::check_member(class.name, &member.name)?;
        }
        let mut lines = vec![format!("class {}(WireObject):", class.name)];
        lines.extend(documentation(class)?);
        lines.push(String::new());
        let mut slots: Vec<_> = class.members.iter().map(|m| quoted(&m.name)).collect();
        slots.sort();
        lines.extend(tuple(4, "__slots__ = ", &slots));
        lines.push(String::new());
        if let Some((tag, value)) = class.tag {
            let value = quoted(value);
            lines.push(format!("    _tag = {}", quoted(tag)));
            lines.push(format!("    {tag}: ClassVar[Literal[{value}]] = {value}"));
        }
        if !class.members.is_empty() {
            lines.extend(self.table(class)?);
            lines.push(String::new());
        }
        lines.extend(constructor(class)?);
        Ok(lines)
    }

    /// The table that reading and writing go by.
    fn table(&self, class: &Class<'_>) -> Result<Vec<String>, Unsupported> {
        if let [member] = class.members {
            let row = format!("Member({})", self.row(class, member)?.join(", "));
            return Ok(tuple(4, "_members = ", &[row]));
        }
        let mut lines = vec!["    _members = (".to_owned()];
        for member in class.members {
            lines.extend(listed(8, "Member(", &self.row(class, member)?, "),"));
        }
        lines.push("    )".to_owned());
        Ok(lines)
    }

    /// What a member's row of the table is made from.
    fn row(&self, class: &Class<'_>, member: &Member) -> Result<Vec<String>, Unsupported> {
        let at = format!("{}.{}", class.name, member.name);
        let kind = expression(&member.kind, self.model, self.patterns, &at)?;
        let mut row = vec![quoted(&member.name), kind];
        row.extend(member.is_nullable.then(|| "nullable=True".to_owned()));
        match &member.presence {
            Presence::Required => {}
            Presence::Written(value) | Presence::Omitted(value) => {
                row.push(format!("default={}", default(value, &at)?.in_table));
            }
        }
        if matches!(member.presence, Presence::Omitted(_)) {
            row.push("omitted=True".to_owned());
        }
        if SECRETS.contains(&(class.name, &member.name)) {
            row.push("is_secret=True".to_owned());
        }
        Ok(row)
    }
}

/// Fails when a secret is no longer where [`SECRETS`] says, and would be shown under its new name.
pub(super) fn check_secrets(model: &Model) -> Result<(), Unsupported> {
    for (class, member) in SECRETS {
        let found = match model.find(class).map(|found| &found.shape) {
            Some(Shape::Object(members)) => members.iter().any(|m| m.name == member),
            _ => false,
        };
        if !found {
            return Err(Unsupported::new(
                format!("{class}.{member}"),
                "a secret that is not there",
            ));
        }
    }
    Ok(())
}

fn documentation(class: &Class<'_>) -> Result<Vec<String>, Unsupported> {
    let described = class.members.iter().filter(|member| !member.description.is_empty());
    let attributes: Vec<_> = described
        .map(|member| (member.name.clone(), paragraphs(&member.description).join(" ")))
        .collect();
    let about = paragraphs(&class.description);
    if about.is_empty() {
        return Err(Unsupported::new(class.name, "no description"));
    }
    Ok(docstring(4, &about, &attributes))
}

fn constructor(class: &Class<'_>) -> Result<Vec<String>, Unsupported> {
    let mut parameters = vec!["self".to_owned(), "*".to_owned()];
    let mut body = vec!["        self.raw = {}".to_owned()];
    for member in class.members {
        let at = format!("{}.{}", class.name, member.name);
        let default = match &member.presence {
            Presence::Required => None,
            Presence::Written(value) | Presence::Omitted(value) => Some(default(value, &at)?),
        };
        body.extend(assignment(member, default.as_ref(), &at)?);
        parameters.push(parameter(member, default));
    }
    let mut lines = if class.members.is_empty() {
        vec!["    def __init__(self) -> None:".to_owned()]
    } else {
        broken(4, "def __init__(", &parameters, ") -> None:")
    };
    lines.extend(body);
    Ok(lines)
}

fn parameter(member: &Member, default: Option<Default>) -> String {
    let end = default.map(|default| format!(" = {}", default.in_signature)).unwrap_or_default();
    format!("{}: {}{}{end}", member.name, parameter_type(&member.kind), or_none(member))
}

/// The lines that keep the value of a parameter.
fn assignment(
    member: &Member,
    default: Option<&Default>,
    at: &str,
) -> Result<Vec<String>, Unsupported> {
    let name = &member.name;
    let before = format!("self.{name}: {}{} = ", attribute_type(&member.kind), or_none(member));
    if matches!(member.kind, Kind::Many(_)) {
        if member.is_nullable {
            return Err(Unsupported::new(at, "a list or null"));
        }
        let arguments = [name.clone(), quoted(at)];
        return Ok(listed(8, &format!("{before}items("), &arguments, ")"));
    }
    let value = match default {
        Some(default) if default.in_signature == MISSING => {
            format!("{} if {name} is {MISSING} else {name}", default.in_table)
        }
        _ => name.clone(),
    };
    Ok(vec![format!("        {before}{value}")])
}

fn or_none(member: &Member) -> &'static str {
    if member.is_nullable { " | None" } else { "" }
}
