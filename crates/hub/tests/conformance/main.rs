//! One suite for both hubs: whatever holds for one holds for the other.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test builds on may fail it"
)]

mod buckets;
mod bus;
mod connections;
mod harness;
mod order;
mod presence;
mod reaping;
mod registry;
mod roster;
mod sessions;
mod topologies;
mod typing;
mod unread;

/// Makes of each function a test for each implementation, and a list of all.
macro_rules! conformance {
    ($($topic:ident { $($test:ident,)* })*) => {
        mod memory {
            $(mod $topic { $(
                #[tokio::test]
                async fn $test() {
                    crate::$topic::$test(&crate::harness::MemoryHarness::new()).await;
                }
            )* })*
        }
        mod redis {
            $(mod $topic { $(
                #[tokio::test]
                async fn $test() {
                    crate::$topic::$test(&crate::harness::RedisHarness::new()).await;
                }
            )* })*
        }

        /// The suite, for a Redis that is not worth a start for each function.
        const EVERYTHING: &[(&str, topologies::Check)] = &[$($((
            concat!(stringify!($topic), "::", stringify!($test)),
            |harness| Box::pin(crate::$topic::$test(harness)),
        ),)*)*];
    };
}

conformance! {
    bus {
        a_node_receives_only_what_it_subscribed_to,
        events_of_one_publisher_arrive_in_their_order,
        a_node_receives_its_own_events_once,
        nothing_arrives_after_unsubscribe,
        a_channel_can_be_subscribed_to_again,
        organizations_with_the_same_names_do_not_hear_each_other,
        an_event_arrives_as_it_was_published,
        more_events_than_the_queue_holds_all_arrive,
        an_answering_hub_can_be_pinged,
    }
    order {
        all_nodes_get_the_events_of_an_organization_in_one_order,
        volatile_events_have_no_place_in_the_order,
        a_rev_goes_out_once_and_after_those_before_it,
        so_many_early_events_are_kept_and_not_one_more,
        where_nothing_is_known_the_given_rev_counts,
        organizations_have_orders_of_their_own,
        what_went_out_after_a_position_is_remembered_in_order,
        what_is_asked_of_another_order_is_unknown,
        what_the_log_no_longer_has_is_unknown,
        a_log_is_forgotten_after_its_time,
        more_than_was_asked_for_is_too_many,
        a_room_whose_beginning_is_not_known_replays_nothing,
    }
    sessions {
        a_session_is_granted_on_another_node_as_it_was,
        nobody_else_gets_a_session,
        who_claimed_it_last_has_it,
        a_session_that_was_ended_is_unknown,
        a_session_lasts_for_as_long_as_it_is_kept_and_no_longer,
    }
    presence {
        somebody_unknown_is_offline,
        two_devices_on_two_nodes_are_one_online,
        the_last_device_to_go_is_settled_once,
        somebody_who_comes_back_within_the_grace_flaps_nothing,
        the_strongest_device_counts,
        a_choice_wins_over_devices,
        somebody_may_appear_offline,
        a_choice_made_without_a_device_counts_with_the_next_one,
        a_custom_status_is_announced_when_it_changes,
        last_seen_is_when_they_were_last_heard_of,
        many_are_asked_for_at_once_and_come_in_that_order,
        organizations_with_the_same_names_are_not_confused,
        concurrent_devices_announce_one_online,
        who_has_a_device_is_there_whatever_they_appear_as,
    }
    roster {
        those_who_are_there_come_in_pages_in_the_order_of_their_ids,
        whoever_appears_offline_or_went_is_not_there,
        users_sockets_and_devices_are_counted_over_all_nodes,
        organizations_do_not_see_each_other,
        what_a_dead_node_had_is_gone_with_it,
        a_node_that_was_taken_for_dead_counts_once,
        idleness_that_is_told_late_is_no_sign_of_life,
    }
    reaping {
        the_users_of_a_dead_node_are_reaped_by_one_survivor,
        somebody_with_a_device_on_a_living_node_is_not_reaped,
        a_dead_nodes_devices_do_not_count_even_before_it_is_reaped,
        whoever_has_devices_on_a_dead_node_only_is_not_there,
        whoever_is_on_a_node_that_came_just_now_is_there,
        a_user_whom_a_dead_node_was_to_settle_is_found,
        a_user_whom_a_dead_reaper_was_to_settle_is_found_again,
        a_node_that_was_taken_for_dead_gets_its_devices_back,
        a_node_that_stood_still_unnoticed_announces_nothing_twice,
        what_a_node_leaves_behind_is_reaped_at_once,
    }
    buckets {
        two_nodes_share_one_bucket,
        a_bucket_fills_again_and_says_when,
        the_burst_is_admitted_and_one_more_is_not,
        buckets_of_other_names_users_and_organizations_are_others,
    }
    typing {
        only_the_first_start_is_news,
        a_stop_is_news_once,
        what_ran_out_is_news_again,
        an_expiry_is_announced_by_one,
        somebody_who_went_on_typing_is_left_alone,
        rooms_and_organizations_are_apart,
        who_types_is_told_with_since_when,
        of_many_who_type_the_first_are_told,
    }
    unread {
        a_total_is_known_once_everything_is,
        an_older_count_replaces_no_newer_one,
        of_counts_that_contradict_each_other_none_is_known,
        many_users_are_noted_at_once_in_that_order,
        unread_counts_of_users_and_organizations_are_apart,
    }
    connections {
        events_are_kept_for_all_nodes_of_the_organization_the_newest_first,
        so_many_events_are_kept_and_not_one_more,
    }
    registry {
        lists_the_nodes_whose_lease_is_valid,
        a_renewed_lease_carries_the_new_figures,
        a_node_that_drains_says_so_to_the_others,
        a_node_that_leaves_is_gone_at_once,
        a_lease_holds_until_it_is_over_and_no_longer,
    }
}
