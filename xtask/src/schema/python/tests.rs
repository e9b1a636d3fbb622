use serde_json::{Value, json};

use super::text::{
    WIDTH, docstring, paragraphs, plural, quoted, raw_literals, screaming, tuple, wrapped,
};
use super::*;
use crate::schema::model::{Kind, Presence};

fn published() -> Model {
    Model::of(&crate::schema::documents()).unwrap()
}

fn member(name: &str, kind: Kind, presence: Presence) -> Member {
    let is_nullable =
        matches!(presence, Presence::Written(Value::Null) | Presence::Omitted(Value::Null));
    let description = format!("The {name}.");
    Member { name: name.to_owned(), description, kind, is_nullable, presence }
}

fn text() -> Kind {
    Kind::Text { min_length: 0, max_length: None, pattern: None }
}

/// The class of an object with these members.
fn class_of(members: Vec<Member>) -> Result<String, Unsupported> {
    let (name, description) = ("Thing".to_owned(), "A thing.".to_owned());
    let found = Type { name, description, shape: Shape::Object(members) };
    let model = Model { types: vec![found], calls: Vec::new(), events: Vec::new() };
    let patterns = patterns(&model);
    let classes = Classes { model: &model, patterns: &patterns };
    Ok(type_lines(&classes, &model.types[0])?.join("\n"))
}

#[test]
fn a_class_has_a_table_and_a_constructor_that_agree() {
    let class = class_of(vec![
        member("id", Kind::Integer(i32::MIN.into(), i32::MAX.into()), Presence::Required),
        member("data", Kind::Anything, Presence::Written(json!({}))),
        member("branch", text(), Presence::Written(Value::Null)),
        member("css", Kind::Many(Box::new(text())), Presence::Omitted(json!([]))),
        member("level", Kind::Integer(1, 9), Presence::Written(json!(3))),
    ]);
    let expected = r#"class Thing(WireObject):
    """A thing.

    Attributes:
        id: The id.
        data: The data.
        branch: The branch.
        css: The css.
        level: The level.
    """

    __slots__ = ("branch", "css", "data", "id", "level")

    _members = (
        Member("id", INT32),
        Member("data", ANYTHING, default={}),
        Member("branch", TEXT, nullable=True, default=None),
        Member("css", Many(TEXT), default=[], omitted=True),
        Member("level", Integer(1, 9), default=3),
    )

    def __init__(
        self,
        *,
        id: int,
        data: Any = MISSING,
        branch: str | None = None,
        css: Iterable[str] = (),
        level: int = 3,
    ) -> None:
        self.raw = {}
        self.id: int = id
        self.data: Any = {} if data is MISSING else data
        self.branch: str | None = branch
        self.css: list[str] = items(css, "Thing.css")
        self.level: int = level"#;
    assert_eq!(class.unwrap(), expected);
}

#[test]
fn an_object_without_members_is_a_class_too() {
    let class = class_of(Vec::new()).unwrap();
    assert!(
        class.ends_with(
            "    __slots__ = ()\n\n    def __init__(self) -> None:\n        self.raw = {}"
        )
    );
}

#[test]
fn members_that_cannot_be_attributes_are_refused() {
    for name in
        ["class", "None", "self", "raw", "to_json", "from_json", "a-b", "_hidden", "1st", ""]
    {
        let error = class_of(vec![member(name, text(), Presence::Required)]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("Thing.{name}: a member")), "{error}");
    }
    assert!(class_of(vec![member("type", text(), Presence::Required)]).is_ok());
}

#[test]
fn a_secret_that_is_not_where_it_was_is_noticed() {
    let mut model = published();
    assert!(module(&model).is_ok());
    let call = model.types.iter_mut().find(|found| found.name == "ApiCall").unwrap();
    if let Shape::Object(members) = &mut call.shape {
        members.iter_mut().find(|member| member.name == "actor").unwrap().name = "token".to_owned();
    }
    let error = module(&model).unwrap_err();
    assert_eq!(error.to_string(), "ApiCall.actor: a secret that is not there");
}

#[test]
fn two_things_of_one_name_are_refused() {
    let mut model = published();
    let (name, description) = ("ApiBodyJson".to_owned(), "Not the form.".to_owned());
    model.types.push(Type { name, description, shape: Shape::Object(Vec::new()) });
    let error = module(&model).unwrap_err();
    assert_eq!(error.to_string(), "ApiBodyJson: two things of one name");
}

#[test]
fn a_type_without_description_is_refused() {
    let mut model = published();
    let project = model.types.iter_mut().find(|found| found.name == "Project").unwrap();
    project.description = "See [`Project::new`]. ".to_owned();
    assert_eq!(module(&model).unwrap_err().to_string(), "Project: no description");
}

#[test]
fn the_module_fits_the_width_and_speaks_no_rust() {
    let module = module(&published()).unwrap();
    for line in module.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert!(line.trim_end() == line, "{line:?}");
        assert!(!line.contains("::") && !line.contains("[`"), "{line}");
    }
    for found in published().types {
        assert!(module.contains(&format!("    \"{}\",\n", found.name)), "{}", found.name);
    }
}

#[test]
fn texts_are_quoted_as_ruff_does() {
    assert_eq!(quoted("a"), r#""a""#);
    assert_eq!(quoted(r#"say "a""#), r#"'say "a"'"#);
    assert_eq!(quoted(r#"it's "a""#), r#""it's \"a\"""#);
    assert_eq!(quoted("a\\b\n\u{1}é"), r#""a\\b\n\u0001é""#);
}

#[test]
fn a_long_pattern_falls_into_pieces_that_are_it_again() {
    let pattern = format!(r"^{}\.(\\|\x00)$", r"[0-9]\d".repeat(9));
    for width in 10..60 {
        let pieces = raw_literals(&pattern, width).unwrap();
        let inside = |piece: &String| piece[2..piece.len() - 1].to_owned();
        assert_eq!(pieces.iter().map(inside).collect::<String>(), pattern);
        for piece in &pieces {
            assert!(piece.chars().count() <= width, "{width}: {piece}");
            let backslashes = inside(piece).chars().rev().take_while(|c| *c == '\\').count();
            assert!(backslashes.is_multiple_of(2), "{piece} ends in half an escape");
        }
    }
}

#[test]
fn a_pattern_that_no_raw_text_can_hold_is_refused() {
    assert_eq!(raw_literals(r#"["]"#, 50).unwrap(), [r#"r'["]'"#]);
    for pattern in [r#"["']"#, "a\nb", "a\\"] {
        assert!(raw_literals(pattern, 50).is_none(), "{pattern}");
    }
}

#[test]
fn descriptions_lose_what_only_rust_has() {
    let description = "What a [`NavEntry`] is\n(dialect 2). Build one with [`A::builder`]; or not. Last.\n\n\
                       See [`A::new`].\n\nMore.";
    assert_eq!(paragraphs(description), ["What a `NavEntry` is (dialect 2). Last.", "More."]);
}

#[test]
fn docstrings_close_where_they_can() {
    let one = |text: &str| docstring(4, &[text.to_owned()], &[]);
    assert_eq!(one("Short."), [r#"    """Short.""""#]);
    assert_eq!(one("Says \"a\""), [r#"    """Says "a""#, r#"    """"#]);
    assert_eq!(one(r"No \ here."), [r#"    """No \\ here.""""#]);
    let full = "x".repeat(WIDTH - 4 - 3);
    assert_eq!(one(&full).len(), 2);
    assert_eq!(one(&full[3..]).len(), 1);
}

#[test]
fn lines_are_wrapped_and_long_words_stand_alone() {
    let long = "y".repeat(WIDTH + 5);
    let lines = wrapped(&format!("a {long} b"), 2, 4);
    assert_eq!(lines, ["  a".to_owned(), format!("    {long}"), "    b".to_owned()]);
    assert!(wrapped(&"word ".repeat(99), 4, 8).iter().all(|line| line.len() <= WIDTH));
}

#[test]
fn tuples_of_one_keep_their_comma() {
    assert_eq!(tuple(0, "A = ", &[]), ["A = ()"]);
    assert_eq!(tuple(0, "A = ", &["1".to_owned()]), ["A = (1,)"]);
    let long = "1".repeat(WIDTH);
    assert_eq!(
        tuple(0, "A = ", std::slice::from_ref(&long)),
        ["A = (".to_owned(), format!("    {long},"), ")".to_owned()]
    );
}

#[test]
fn enumerations_have_plural_names() {
    for (name, plurals) in [
        ("NavSection", "NAV_SECTIONS"),
        ("Capability", "CAPABILITIES"),
        ("ApiMethod", "API_METHODS"),
    ] {
        assert_eq!(plural(&screaming(name)), plurals);
    }
}

#[test]
fn values_are_explained_where_there_is_something_to_say() {
    let value = |value: &str, about: &str| (value.to_owned(), about.to_owned());
    let values = [value("GET", "`GET`"), value("low", "Not high.\nAt all."), value("x", "")];
    let (name, description) = ("Level".to_owned(), "A level.".to_owned());
    let found = Type { name, description, shape: Shape::Closed(Vec::new()) };
    let expected = [
        r#"Level = Literal["GET", "low", "x"]"#,
        r#""""A level."#,
        "",
        "`low`: Not high. At all.",
        r#"""""#,
        "",
        r#"LEVELS: tuple[Level, ...] = ("GET", "low", "x")"#,
        r#""""Every `Level`.""""#,
    ];
    assert_eq!(closed(&found, &values), expected);
}
