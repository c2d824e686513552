//! `--auth-basic` and what it says of itself.

use super::*;

/// A file with one user.
fn file(name: &str) -> String {
    let name = format!("scgate-test-users-{name}-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let hash = "$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW";
    std::fs::write(&path, format!("joe:{hash}\n")).expect("write a file");
    path.to_str().expect("text").to_owned()
}

#[cfg(feature = "auth")]
#[test]
fn wrong_values_say_what_was_expected() {
    for (value, part) in [
        ("", "needs a realm and a file, or off"),
        ("home", "needs a realm and a file, or off"),
        ("OFF", "needs a realm and a file, or off"),
        ("at home /etc/users", "put quotes round a realm with blanks"),
        ("off /etc/users x", "put quotes round a realm with blanks"),
        ("home \"\"", "a path may not be empty"),
        ("$nope /etc/users", "unknown variable \"$nope\""),
        ("\"home /etc/users", "a \" is not closed"),
    ] {
        let text = error(&[P, "--auth-basic", value]);
        let start = format!("--auth-basic '{value}': ");
        assert!(
            text.starts_with(&start) && text.contains(part),
            "{value}: {text}"
        );
    }
    let text = error(&[P, "--auth-basic", "home /no/such/file"]);
    assert!(
        text.starts_with("--auth-basic '/no/such/file': No such file"),
        "{text}"
    );
}

#[cfg(feature = "auth")]
#[test]
fn it_is_inherited_and_files_are_counted_once() {
    let (one, two) = (file("one"), file("two"));
    let (outer, inner) = (format!("\"at home\" {one}"), format!("$host {two}"));
    let c = config(&[
        "--auth-basic",
        &outer,
        "--server",
        "a",
        "--location",
        "/",
        P,
        "--location",
        "/off",
        P,
        "--auth-basic",
        "off",
        "--location",
        "/own",
        P,
        "--auth-basic",
        &inner,
        "--server",
        "b",
        "--auth-basic",
        "off",
        "--location",
        "/",
        P,
        "--location",
        "/again",
        "--auth-basic",
        &format!("b {one}"),
        P,
    ]);
    for path in [&one, &two] {
        std::fs::remove_file(path).expect("remove");
    }
    let auth = |server, index| {
        let auth = location(&c, server, index).auth.as_ref()?;
        Some((auth.realm.literal().map(<[u8]>::to_vec), auth.file))
    };
    assert_eq!(auth(0, 0), Some((Some(b"at home".to_vec()), 0)));
    assert_eq!(auth(0, 1), None);
    assert_eq!(auth(0, 2), Some((None, 1)));
    assert_eq!(auth(1, 0), None);
    assert_eq!(auth(1, 1), Some((Some(b"b".to_vec()), 0)));
    assert_eq!(c.password_files, [one, two].map(std::path::PathBuf::from));
    let names = |server, index| -> Vec<String> {
        let list = scgi(location(&c, server, index)).params.list().iter();
        list.map(|param| param.name.to_string()).collect()
    };
    assert!(names(0, 0).contains(&"AUTH_TYPE".to_owned()));
    assert!(!names(0, 1).contains(&"AUTH_TYPE".to_owned()));
}

#[cfg(not(feature = "auth"))]
#[test]
fn a_build_without_it_says_so() {
    let path = file("none");
    for value in [format!("home {path}"), "home".into(), "".into()] {
        let text = error(&[P, "--auth-basic", &value]);
        let why = "not in this build, which was made without the feature \"auth\"";
        assert_eq!(text, format!("--auth-basic '{value}': {why}"));
    }
    config(&[P, "--auth-basic", "off"]);
    std::fs::remove_file(path).expect("remove");
}
