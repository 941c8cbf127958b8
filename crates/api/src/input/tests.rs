use super::*;

#[test]
fn queries_are_decoded_as_forms_are() {
    let pairs: Vec<_> = form_pairs("a=1%202&b=x+y&&c&d=%zz&e=%e2%98%82").collect();
    let expect = [
        ("a", "1 2"),
        ("b", "x y"),
        ("c", ""),
        ("d", "%zz"),
        ("e", "☂"),
    ];
    assert_eq!(
        pairs,
        expect.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn a_tag_is_compared_in_any_of_its_spellings() {
    let wants = |text: &str| IfMatch(Some(text.to_owned()));
    assert!(IfMatch(None).allows("\"3\"").is_ok());
    assert!(wants("\"2\", \"3\"").allows("\"3\"").is_ok());
    assert!(wants("W/\"3\"").allows("\"3\"").is_ok());
    assert!(wants("\"2\"").allows("\"3\"").is_err());
}
