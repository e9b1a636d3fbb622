//! All checks, in the order in which they are made and reported.

use std::sync::LazyLock;

use crate::checks;
use crate::model::Check;

/// The check that stands for the start itself.
pub const START_CHECK: &str = "handshake/completes";

/// The catalogue.
pub static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    [
        checks::handshake::CHECKS,
        checks::launch_line::CHECKS,
        checks::manifest::CHECKS,
        checks::launch::CHECKS,
        checks::stdio::CHECKS,
        checks::socket::CHECKS,
        checks::health::CHECKS,
        checks::http::CHECKS,
        checks::auth::CHECKS,
        checks::channel::CHECKS,
        checks::channel_frames::CHECKS,
        checks::events::CHECKS,
        checks::ui::CHECKS,
        checks::stop::CHECKS,
        checks::faults::CHECKS,
        checks::faults_connections::CHECKS,
        checks::limits::CHECKS,
        checks::requests::CHECKS,
        checks::requests_traffic::CHECKS,
        checks::requests_callers::CHECKS,
        checks::requests_secrecy::CHECKS,
        checks::requests_events::CHECKS,
        checks::requests_openapi::CHECKS,
        checks::everything_profile::CHECKS,
        checks::everything_http::CHECKS,
        checks::everything_requests::CHECKS,
        checks::everything_callers::CHECKS,
        checks::everything_calls::CHECKS,
        checks::everything_replies::CHECKS,
        checks::everything_api::CHECKS,
        checks::everything_events::CHECKS,
        checks::everything_life::CHECKS,
        checks::everything_author::CHECKS,
        checks::everything_given_up::CHECKS,
        checks::everything_hooks::CHECKS,
        checks::everything_load::CHECKS,
        checks::everything_limits::CHECKS,
    ]
    .concat()
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Dialects, Profile};
    use crate::rules::{Level, rule};

    #[test]
    fn ids_are_unique_and_have_an_area() {
        let ids: BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for id in ids {
            let (area, name) = id.split_once('/').unwrap();
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!area.is_empty() && area.chars().all(kebab), "{id}");
            assert!(!name.is_empty() && name.chars().all(kebab), "{id}");
        }
    }

    #[test]
    fn areas_are_in_one_piece() {
        let mut seen: Vec<&str> = Vec::new();
        for check in CHECKS.iter() {
            if seen.last() != Some(&check.area()) {
                assert!(!seen.contains(&check.area()), "{} stands apart", check.id);
                seen.push(check.area());
            }
        }
    }

    #[test]
    fn a_check_is_as_severe_as_its_strictest_rule() {
        // What an author has promised of routes of their own is no matter of the rules' levels.
        for check in CHECKS.iter().filter(|check| check.profile() != Profile::Requests) {
            let strictest =
                check.rules.iter().filter_map(|id| rule(id)).map(|rule| rule.level).min();
            assert_eq!(strictest, Some(check.severity), "{}", check.id);
        }
    }

    #[test]
    fn only_promises_of_an_author_are_without_a_rule_and_all_of_them_count() {
        for check in CHECKS.iter() {
            match check.profile() {
                Profile::Requests => assert_eq!(check.severity, Level::Must, "{}", check.id),
                Profile::Plugin | Profile::Everything => {
                    assert!(!check.rules.is_empty(), "{}", check.id);
                }
            }
        }
    }

    #[test]
    fn a_check_of_a_rule_of_one_dialect_is_made_in_that_dialect() {
        for check in CHECKS.iter() {
            for rule in check.rules.iter().filter_map(|id| rule(id)) {
                if let (Some(dialect), Dialects::Only(only)) = (rule.dialect, check.dialects) {
                    assert_eq!(dialect, only, "{} {}", check.id, rule.id);
                }
            }
        }
    }
}
