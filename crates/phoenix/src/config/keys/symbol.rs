//! Rows of the key table for one item of `symbols:` and its groups, and the obsolete keys; only data.

use super::Absent::{Default, Refused, Unset};
use super::Kind::{Bool, Choice, Int, Number, Text, Time};
use super::Range::{Above, Any, Between, From};
use super::{Change, Key, Obsolete, Section, rows};

pub(super) const KEYS: &[Key] = rows! {
    Symbol {
        symbol: Text, Refused, "", Any, Live,
            "The contract as the exchange names it, e.g. `ETHUSDC`. Adding and removing symbols is applied live.";
        strategy: Choice(&["asmm", "avellaneda_stoikov", "glft"]), Default("asmm"), "", Any, Live,
            "What decides the quotes.";
        risk_aversion: Number, Default("0.1"), "1/quote", Above("0", "1000"), Live,
            "Risk aversion γ of `avellaneda_stoikov` and `glft`.";
        net_max: Number, Refused, "base", Above("0", "1000000000"), Live,
            "Largest position in either direction, everything that could still fill included.";
        batch_worst_case_ratio: Number, Default("0.5"), "share of net_max", Above("0", "1"), Live,
            "With all orders of the growing side filled the position stays within this share of `net_max`; farther layers are dropped until it fits.";
        total_layers: Int, Default("18"), "", From("1", "100"), Live,
            "Orders on each side. 2 × total_layers + 2 may not exceed the 200 open orders the exchange allows.";
        unified_layer_size: Number, Refused, "base", Above("0", "1000000000"), Live,
            "Size of each order.";
        min_spread: Number, Default("0.0007"), "share of mid", From("0", "0.1"), Live,
            "The best bid and the best ask are never closer than this.";
        grid_start_offset: Number, Default("1.2"), "quote", Above("0", "1000000"), Live,
            "Distance of the first layer from the reservation price.";
        grid_first_spacing: Number, Default("1.2"), "quote", Above("0", "1000000"), Live,
            "Distance between the first and the second layer.";
        grid_spacing_multiplier: Number, Default("1.15"), "", From("1", "10"), Live,
            "Growth of the spacing from layer to layer.";
        grid_max_spacing: Number, Default("25"), "quote", Above("0", "1000000"), Live,
            "Largest spacing between two layers.";
        inventory_skew_coeff: Number, Default("0.002"), "share of mid", From("0", "0.1"), Live,
            "Shift of the reservation price at a full position, against the position.";
        skew_dead_zone: Number, Default("0.05"), "share of net_max", From("0", "0.5"), Live,
            "The skew moves only when the position has moved by this much or changed sign.";
        growing_side_cut: Number, Default("0.6"), "share of layers", From("0", "1"), Live,
            "Share of the growing side's layers given up at a full position.";
        warning_thresh: Number, Default("0.5"), "share of net_max", Between("0", "1"), Live,
            "Position at which a warning is given.";
        pinning_enabled: Bool, Default("true"), "", Any, Live,
            "Pin the reducing side's first order to the best price from `pinning_thresh` on.";
        pinning_thresh: Number, Default("0.50"), "share of net_max", Between("0", "1"), Live,
            "Position at which pinning begins; below `grinding_thresh`.";
        pinning_size_multiplier: Number, Default("2.3"), "", From("1", "10"), Live,
            "Size of the pinned order in layer sizes, capped by the position.";
        grinding_enabled: Bool, Default("true"), "", Any, Live,
            "Reduce by small reduce-only IOC orders from `grinding_thresh` on, while the market is calm.";
        grinding_thresh: Number, Default("0.60"), "share of net_max", Between("0", "1"), Live,
            "Position at which grinding begins; above `pinning_thresh`, and useful only below `reduce_only_thresh`.";
        grinding_reduce_ratio: Number, Default("0.075"), "share of position", Above("0", "1"), Live,
            "Part of the position that one grind reduces.";
        grinding_reentry_bps: Number, Default("4.2"), "bps", From("0", "1000"), Live,
            "Distance from mid of the maker order that re-enters after a grind.";
        grinding_reentry_multiplier: Number, Default("2.1"), "", From("0", "10"), Live,
            "Size of that order in layer sizes.";
        grinding_cooldown_s: Time, Default("60"), "s", From("1", "86400"), Live,
            "Shortest time between two grinds.";
        grinding_sigma_max: Number, Default("0.01"), "share of mid", Above("0", "1"), Live,
            "Volatility from which on there is no grinding.";
        reduce_only_thresh: Number, Default("0.80"), "share of net_max", Above("0", "1"), Live,
            "Position from which on nothing is quoted that grows it.";
        stop_loss_thresh: Number, Default("0.05"), "share of notional", Between("0", "1"), Live,
            "Unrealised loss that flattens the position and halts.";
        price_deviation_max: Number, Default("0.15"), "share of mid", Above("0", "0.5"), Live,
            "An order farther than this from mid is refused.";
        order_value_max: Number, Default("5000"), "quote", Above("0", "1000000000"), Live,
            "Largest value of one order (fat-finger limit).";
        leverage: Int, Default("20"), "", From("1", "125"), Restart,
            "Leverage that the account is expected to have for the symbol; gives the margin need.";
        margin_type: Choice(&["cross", "isolated"]), Default("cross"), "", Any, Restart,
            "Margin type that the account is expected to have for the symbol.";
        max_cancel_per_min: Int, Default("50"), "1/min", From("1", "1200"), Live,
            "Budget of discretionary cancels. Safety cancels are exempt.";
        min_order_age_s: Time, Default("5"), "s", From("0", "300"), Live,
            "A discretionary cancel waits until the order is this old; younger ones count as invalid cancels at the exchange.";
        reprice_tolerance: Number, Default("0.9"), "share of spacing", From("0", "1"), Live,
            "An order this close to its slot, in spacings of its layer, stays.";
        reprice_tolerance_ticks: Int, Default("10"), "ticks", From("0", "100000"), Live,
            "An order this close to its slot stays in any case.";
        first_layer_tolerance: Int, Default("3"), "× min_spread", From("1", "10"), Live,
            "Upper limit of the tolerance for the first layer.";
    }
    VolScale {
        coeff: Number, Default("50"), "", From("0", "1000"), Live,
            "Widening of the ladder per unit of σ/mid.";
        min: Number, Default("0.8"), "", Above("0", "1"), Live,
            "Smallest scale.";
        max: Number, Default("2.0"), "", From("1", "10"), Live,
            "Largest scale.";
    }
    Funding {
        bias: Number, Default("0.5"), "", From("0", "10"), Live,
            "Shift of the reservation price in units of the predicted funding rate, against the paying side.";
        alpha: Number, Default("0.3"), "", Above("0", "1"), Live,
            "Weight of the newest rate in the prediction (exponential average).";
    }
    Vpin {
        enabled: Bool, Default("false"), "", Any, Live,
            "Measure order-flow toxicity and react to it.";
        bucket_volume: Number, Unset, "base", Above("0", "1000000000"), Live,
            "Volume of a bucket. Unset: learnt from the symbol's own trading.";
        threshold: Number, Default("0.7"), "", Between("0", "1"), Live,
            "From here on distances are widened.";
        widening: Number, Default("0.2"), "", From("0", "5"), Live,
            "Distances are multiplied by 1 + widening × VPIN.";
        pause_threshold: Number, Default("0.9"), "", Above("0", "1"), Live,
            "From here on quoting pauses with orders pulled; above `threshold`.";
        pause_s: Time, Default("5"), "s", From("1", "300"), Live,
            "Length of the pause.";
    }
};

const fn old(name: &'static str, replacement: &'static str) -> Obsolete {
    Obsolete {
        section: Section::Symbol,
        name,
        replacement,
    }
}

pub(super) const OBSOLETE: &[Obsolete] = &[
    old(
        "base_layer_size",
        "`unified_layer_size` is the size of every layer",
    ),
    old("near_layers", "`total_layers` counts the layers of a side"),
    old("far_layers", "`total_layers` counts the layers of a side"),
    old(
        "far_layer_size",
        "`unified_layer_size` is the size of every layer",
    ),
    old(
        "near_layer_start_offset",
        "`grid_start_offset` places the first layer",
    ),
    old(
        "near_layer_spacing_ratio",
        "`grid_spacing_multiplier` spaces the layers",
    ),
    old(
        "far_layer_start_offset",
        "`grid_start_offset` places the first layer",
    ),
    old(
        "far_layer_end_offset",
        "`grid_max_spacing` limits the spacing",
    ),
    old(
        "layer_spacing_mode",
        "the ladder is always geometric: `grid_first_spacing`, `grid_spacing_multiplier`, `grid_max_spacing`",
    ),
    old(
        "spacing_ratio",
        "`grid_spacing_multiplier` spaces the layers",
    ),
    old(
        "tick_size",
        "taken from the exchange; the value here is only compared with it",
    ),
    old(
        "min_qty",
        "taken from the exchange; the value here is only compared with it",
    ),
];
