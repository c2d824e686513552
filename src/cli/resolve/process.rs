//! The settings of the process.

use std::time::Duration;

use crate::cli::scopes::complain;
use crate::cli::settings::{AccessLogSpec, Settings};
use crate::config::{AccessLog, LogFormat, Process};
use crate::ops::accesslog;
use crate::template::Template;

use super::Remarks;

/// Process-wide settings stand at the http level alone.
pub fn process(http: &Settings, remarks: &mut Remarks) -> Process {
    check_formats(http, remarks);
    Process {
        workers: http.workers.unwrap_or(if http.cgi { 1 } else { 64 }),
        queue: http.queue.unwrap_or(1024),
        connections: http.connections.unwrap_or(1024),
        memory: http.memory.unwrap_or(0),
        user: http.user.clone(),
        pid: http.pid.clone(),
        confine: http.confine.unwrap_or(false),
        access_logs: access_logs(http, remarks),
        log_level: http.log_level.unwrap_or(log::LevelFilter::Info),
        shutdown_timeout: http.shutdown_timeout.unwrap_or(Duration::from_secs(30)),
        demo: http.demo,
        cgi: http.cgi,
        hostname: hostname(),
        resolve_interval: http.resolve_interval.unwrap_or(Duration::from_secs(30)),
    }
}

fn check_formats(http: &Settings, remarks: &mut Remarks) {
    let mut known: Vec<&str> = accesslog::BUILT_IN.to_vec();
    for (name, _) in &http.log_formats {
        if known.contains(&name.as_str()) {
            remarks.error(complain(
                "log-format",
                Some(name),
                "there is a format of this name already",
            ));
        }
        known.push(name);
    }
}

fn access_logs(http: &Settings, remarks: &mut Remarks) -> Vec<AccessLog> {
    let specs: &[AccessLogSpec] = &http.access_logs;
    if specs.len() > 1 && specs.iter().any(Option::is_none) {
        remarks.error(complain(
            "access-log",
            Some("off"),
            "does not go together with a file",
        ));
    }
    let mut logs = Vec::new();
    for (path, name) in specs.iter().flatten() {
        if http.cgi && accesslog::is_stdout(path) {
            let why = "standard output is for the response with --cgi";
            remarks.error(complain("access-log", path.to_str(), why));
        }
        match format(http, name) {
            Some(format) => logs.push(AccessLog {
                path: path.clone(),
                format,
            }),
            None => {
                let why = format!("there is no --log-format \"{name}\"");
                let raw = format!("{} {name}", path.display());
                remarks.error(complain("access-log", Some(&raw), &why));
            }
        }
    }
    logs
}

fn format(http: &Settings, name: &str) -> Option<LogFormat> {
    if let Some((_, format)) = http.log_formats.iter().find(|(known, _)| known == name) {
        return Some(format.clone());
    }
    let (text, escape) = accesslog::built_in(name)?;
    let template = Template::parse(text, &|_| None).ok()?;
    Some(LogFormat { template, escape })
}

/// The system's name, without a system call of our own: Linux tells it in a file, and another is where it comes from at boot.
fn hostname() -> String {
    let read = |path| {
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_formats_compile() {
        for name in accesslog::BUILT_IN {
            assert!(format(&Settings::default(), name).is_some(), "{name}");
        }
    }
}
