//! The tables for those who come from other servers: what they name exists, and no directive for SCGI is forgotten.

use std::process::Command;

use super::readme;

const HEADING: &str = "From nginx, Apache and lighttpd";

/// The flags that the program knows and supports.
fn known() -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_scgate");
    let help = Command::new(program)
        .arg("--help")
        .output()
        .expect("scgate");
    let help = String::from_utf8(help.stdout).expect("text");
    let words = help.split(|c: char| c.is_whitespace() || c == ',');
    words
        .filter(|word| word.starts_with("--"))
        .map(str::to_owned)
        .collect()
}

/// The pieces of a text in backquotes.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the table below a heading of the third level: both cells.
fn rows(heading: &str) -> Vec<(String, String)> {
    let text = readme::text();
    let section = readme::section(&text, HEADING);
    let (_, table) = section
        .split_once(&format!("### {heading}\n"))
        .unwrap_or_else(|| panic!("no table for {heading}"));
    let table = table.split("\n### ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    // After the heading and the line below it.
    rows.skip(2)
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            let [left, right] = cells[..] else {
                panic!("two cells: {row}");
            };
            (left.trim().to_owned(), right.trim().to_owned())
        })
        .collect()
}

#[test]
fn every_flag_in_the_tables_exists() {
    let known = known();
    let text = readme::text();
    let section = readme::section(&text, HEADING);
    let mut count = 0;
    for word in code(section).flat_map(|code| code.split(' ')) {
        if word.starts_with("--") && word != "--X" && word != "--scgi-socket" {
            assert!(known.iter().any(|flag| flag == word), "{word}");
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

#[test]
fn every_row_says_what_stands_for_it_or_that_nothing_does() {
    for (heading, least) in [
        ("nginx", 20),
        ("Apache (mod_proxy_scgi)", 14),
        ("lighttpd (mod_scgi)", 14),
    ] {
        let rows = rows(heading);
        assert!(rows.len() >= least, "{heading}: {}", rows.len());
        for (left, right) in rows {
            assert!(code(&left).count() > 0, "{left}");
            let says = right.contains('`') || right.contains("nothing");
            assert!(says, "{left}: {right}");
        }
    }
}

/// The command lines that stand in the tables are accepted; those with something left out are not whole.
#[test]
fn every_command_line_in_the_tables_is_accepted() {
    let rows = ["nginx", "Apache (mod_proxy_scgi)", "lighttpd (mod_scgi)"].map(rows);
    let cells = rows.iter().flatten().map(|(_, right)| right);
    let mut count = 0;
    for line in cells.flat_map(|cell| code(cell)) {
        let odd = |c: char| c == '…' || c.is_ascii_uppercase();
        if !line.starts_with("--") || !line.contains(' ') || line.contains(odd) {
            continue;
        }
        let cmd = readme::commands(&format!("{line}\n"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_scgate"));
        command.arg("--test").args(&cmd[0].words);
        if line.contains("@app") {
            command.args(["--location", "@app"]);
        }
        let passes = line.contains("--pass") || line.contains("--status");
        if !passes {
            command.args(["--pass", "unix:/run/app.sock"]);
        }
        let output = command.output().expect("scgate");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn no_directive_of_nginx_for_scgi_is_forgotten() {
    let table = rows("nginx");
    let named: Vec<&str> = table.iter().flat_map(|(left, _)| code(left)).collect();
    for directive in "scgi_bind scgi_buffer_size scgi_buffering scgi_buffers scgi_busy_buffers_size scgi_cache \
        scgi_cache_background_update scgi_cache_bypass scgi_cache_key scgi_cache_lock scgi_cache_lock_age \
        scgi_cache_lock_timeout scgi_cache_max_range_offset scgi_cache_methods scgi_cache_min_uses scgi_cache_path \
        scgi_cache_purge scgi_cache_revalidate scgi_cache_use_stale scgi_cache_valid scgi_connect_timeout \
        scgi_force_ranges scgi_hide_header scgi_ignore_client_abort scgi_ignore_headers scgi_intercept_errors \
        scgi_limit_rate scgi_max_temp_file_size scgi_next_upstream scgi_next_upstream_timeout \
        scgi_next_upstream_tries scgi_no_cache scgi_param scgi_pass scgi_pass_header scgi_pass_request_body \
        scgi_pass_request_headers scgi_read_timeout scgi_request_buffering scgi_send_timeout scgi_socket_keepalive \
        scgi_store scgi_store_access scgi_temp_file_write_size scgi_temp_path scgi_connection_drop"
        .split_whitespace()
    {
        assert!(named.contains(&directive), "{directive}");
        let flag = directive.replace("scgi_", "--").replace('_', "-");
        assert!(known().contains(&flag), "{flag}");
    }
}

/// Flags and directives of one row stand in the same order.
#[test]
fn rows_of_nginx_pair_directives_with_flags_of_the_same_name() {
    for (left, right) in rows("nginx") {
        let scgi: Vec<&str> = code(&left)
            .filter_map(|c| c.strip_prefix("scgi_"))
            .collect();
        for name in scgi {
            let flag = format!("--{}", name.replace('_', "-"));
            let mut words = code(&right).flat_map(|c| c.split(' '));
            assert!(words.any(|word| word == flag), "{left}: {flag}");
        }
    }
}
