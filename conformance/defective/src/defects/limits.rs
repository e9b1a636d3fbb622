//! Defects of the limits of the protocol, which show when one is over.

use super::{defect, defects};

defects! {
    LAUNCH_LINE_FOR_EVER = defect(
        "limits/launch-line-for-ever",
        "waits for its launch line for ever",
        &["limits/launch-line"],
    )
    .only(2);
    LAUNCH_LINE_15_S = defect(
        "limits/launch-line-15-s",
        "waits for its launch line for 15 s only",
        &["limits/launch-line"],
    )
    .only(2);
    NO_CHANNEL_FOR_EVER = defect(
        "limits/no-channel-for-ever",
        "lives on when no channel is ever opened",
        &["limits/no-channel"],
    );
    LOST_CHANNEL_30_S = defect(
        "limits/lost-channel-30-s",
        "ends when the channel it had does not come back within 30 s",
        &["limits/lost-channel"],
    );
    DRAIN_5_S = defect(
        "limits/drain-5-s",
        "finishes what is under way within 5 s or not at all",
        &["everything/limit-drain"],
    );
    DRAIN_FOR_EVER = defect(
        "limits/drain-for-ever",
        "waits for what is under way for ever",
        &["everything/limit-drain", "everything/limit-endless-response"],
    );
    GENERATE_AI_30_S = defect(
        "limits/generate-ai-30-s",
        "gives generate_ai the time of other calls",
        &["everything/limit-generate-ai"],
    )
    .only(2);
}
