//! What an unsafe request makes invalid.

use super::*;

/// Section, lines of the request (its host is `a`), lines of the response, outcome.
#[track_caller]
fn check(table: &str) {
    for [section, asked, lines, expected] in rows(table) {
        let settings = settings("");
        let found = settings.book().invalidates(&request(asked), &head(lines));
        let outcome = found.map_or("none".to_owned(), |found| {
            let texts = found.iter().map(|target| String::from_utf8_lossy(target));
            texts.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(outcome, expected, "{section}: {asked} | {lines}");
    }
}

#[test]
fn success_of_an_unsafe_request_makes_invalid() {
    check(
        r#"
4.4        | POST /x | Status: 200 | 
4.4        | PUT /x | Status: 204 | 
4.4        | DELETE /x | Status: 202 | 
4.4        | PATCH /x | Status: 303 ~ Location: /y | /y
4.4        | FOO /x | Status: 200 ~ Location: /y | /y
4.4        | POST /x | Status: 201 ~ Location: /y ~ Content-Location: /z | /y /z
4.4        | POST /x | Status: 201 ~ Location: /y ~ Content-Location: /y | /y
4.4        | POST /x | Status: 201 ~ Location: /x ~ Content-Location: /z | /z
4.4        | POST /x | Status: 400 ~ Location: /y | none
4.4        | POST /x | Status: 404 | none
4.4        | POST /x | Status: 500 | none
4.4        | GET /x | Status: 200 ~ Content-Location: /y | none
4.4        | HEAD /x | Status: 200 ~ Content-Location: /y | none
4.4        | OPTIONS /x | Status: 200 ~ Content-Location: /y | none
"#,
    );
}

#[test]
fn only_the_own_origin_is_concerned() {
    check(
        r#"
4.4        | POST /x | Status: 201 ~ Location: http://a/y | /y
4.4        | POST /x | Status: 201 ~ Location: HTTP://A/y | /y
4.4        | POST /x | Status: 201 ~ Location: https://a/y | /y
4.4        | POST /x | Status: 201 ~ Location: http://a./y | /y
4.4        | POST /x | Status: 201 ~ Location: http://b/y | 
4.4        | POST /x | Status: 201 ~ Location: http://a.b/y | 
4.4        | POST /x | Status: 201 ~ Location: http://a@b/y | 
4.4        | POST /x | Status: 201 ~ Location: http://u@a/y | 
4.4        | POST /x | Status: 201 ~ Location: http://a:80/y | /y
4.4        | POST /x | Status: 201 ~ Location: https://a:443/y | /y
4.4        | POST /x | Status: 201 ~ Location: http://a:/y | /y
4.4        | POST /x | Status: 201 ~ Location: http://a:81/y | 
4.4        | POST /x | Status: 201 ~ Location: http://a:443/y | 
4.4        | POST /x | Status: 201 ~ Location: http://a:x/y | 
4.4        | POST /x | Status: 201 ~ Location: //a/y | /y
4.4        | POST /x | Status: 201 ~ Location: //b/y | 
4.4        | POST /x | Status: 201 ~ Location: ftp://a/y | 
4.4        | POST /x | Status: 201 ~ Location: mailto:a | 
4.4        | POST /x | Status: 201 ~ Location: http:/y | 
4.4        | POST /x | Status: 201 ~ Location: http:y | 
4.4        | POST http://c:81/x | Status: 201 ~ Location: http://c:81/y | /y
4.4        | POST http://c:81/x | Status: 201 ~ Location: http://c:081/y | /y
4.4        | POST http://c:81/x | Status: 201 ~ Location: http://c/y | 
4.4        | POST http://c:80/x | Status: 201 ~ Location: http://c/y | /y
4.4        | POST http://c:80/x | Status: 201 ~ Location: https://c/y | 
4.4        | POST http://[::1]/x | Status: 201 ~ Location: http://[::1]:80/y | /y
"#,
    );
}

#[test]
fn references_are_resolved_against_the_target() {
    check(
        r#"
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g | /b/c/g
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: ./g | /b/c/g
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g/ | /b/c/g/
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: /g | /g
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: ?y | /b/c/d?y
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: ? | /b/c/d?
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g?y | /b/c/g?y
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: #s | 
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: | 
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g#s | /b/c/g
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g?y#s?x | /b/c/g?y
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: . | /b/c/
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ./ | /b/c/
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: .. | /b/
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ../g | /b/g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ../.. | /
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ../../../g | /g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: /./g | /g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: /../g | /g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: g. | /b/c/g.
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ..g | /b/c/..g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: ./../g | /b/g
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: g/./h | /b/c/g/h
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: g/../h | /b/c/h
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: g?y/../x | /b/c/g?y/../x
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: /e//f | /e//f
3986 5.2.4 | POST /b/c/d?q | Status: 201 ~ Location: http://a/e/../f?z | /f?z
3986 5.2.2 | POST /b/c/d?q | Status: 201 ~ Location: g?http://b/ | /b/c/g?http://b/
3986 4.2   | POST /b/c/d?q | Status: 201 ~ Location: ./g:h | /b/c/g:h
3986 4.2   | POST /b/c/d?q | Status: 201 ~ Location: g:h | 
3986 3.3   | POST /b/c/d?q | Status: 201 ~ Location: %67%2f | /b/c/%67%2f
3986 3     | POST /b/c/d?q | Status: 201 ~ Location: http://a | /
3986 3     | POST /b/c/d?q | Status: 201 ~ Location: http://a?z | /?z
3986 3     | POST /b/c/d?q | Status: 201 ~ Location: //a?z | /?z
3986 2     | POST /b/c/d?q | Status: 201 ~ Location: /g h | 
3986 5.2.2 | POST /d | Status: 201 ~ Location: g | /g
3986 5.2.2 | POST / | Status: 201 ~ Location: ../g | /g
"#,
    );
}
