//! Refusals: HTTP status, error code and message of protocol §7.

/// What a request is refused with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub http_status: u16,
    /// `code`, negative.
    pub code: i64,
    /// `msg`.
    pub msg: String,
    /// `Retry-After` header, s; only on 429 and 418.
    pub retry_after_s: Option<u64>,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.msg, self.code)
    }
}

impl std::error::Error for ApiError {}

macro_rules! refusals {
    ($($name:ident = $code:literal, $msg:literal;)*) => {
        impl ApiError {
            $(
                #[doc = concat!("`", stringify!($code), "`: ", $msg)]
                #[must_use]
                pub fn $name() -> ApiError {
                    ApiError::bad_request($code, $msg)
                }
            )*
        }
    };
}

refusals! {
    unsupported_operation = -1020, "This operation is not supported.";
    price_too_precise = -1111, "Precision is over the maximum defined for this asset.";
    invalid_symbol = -1121, "Invalid symbol.";
    bad_side = -1117, "Invalid side.";
    no_such_listen_key = -1125, "This listenKey does not exist.";
    cancel_rejected = -2011, "Unknown order sent.";
    no_such_order = -2013, "Order does not exist.";
    margin_insufficient = -2019, "Margin is insufficient.";
    unable_to_fill = -2020, "Unable to fill.";
    reduce_only_rejected = -2022, "ReduceOnly Order is rejected.";
    user_in_liquidation = -2023, "User in liquidation mode now.";
    too_many_open_orders = -2025, "Reach max open order limit.";
    leverage_exceeded = -2027, "Exceeded the maximum allowable position at current leverage.";
    price_below_zero = -4001, "Price less than 0.";
    price_above_max = -4002, "Price greater than max price.";
    qty_not_positive = -4003, "Quantity less than or equal to zero.";
    qty_below_min = -4004, "Quantity less than min quantity.";
    qty_above_max = -4005, "Quantity greater than max quantity.";
    price_below_min = -4013, "Price less than min price.";
    price_off_tick = -4014, "Price not increased by tick size.";
    bad_client_id = -4015, "Client order id is not valid.";
    price_above_band = -4016, "Limit price can't be higher than the multiplier cap of the mark price.";
    qty_off_step = -4023, "Qty not increased by step size.";
    price_below_band = -4024, "Limit price can't be lower than the multiplier floor of the mark price.";
    bad_leverage = -4028, "Leverage is not valid";
    no_margin_type_change = -4046, "No need to change margin type.";
    margin_type_with_orders = -4047, "Margin type cannot be changed if there exists open orders.";
    margin_type_with_position = -4048, "Margin type cannot be changed if there exists position.";
    no_position_mode_change = -4059, "No need to change position side.";
    position_side_mismatch = -4061, "Order's position side does not match user's setting.";
    position_mode_with_orders = -4067, "Position side cannot be changed if there exists open orders.";
    position_mode_with_position = -4068, "Position side cannot be changed if there exists position.";
    bad_batch_size = -4082, "Invalid number of batch place orders.";
    duplicate_client_id = -4116, "ClientOrderId is duplicated.";
    use_algo_endpoint = -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.";
    market_blocked = -4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.";
    leverage_reduction_with_position = -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.";
    min_notional = -4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only).";
    multi_assets_blocks_isolated = -4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.";
    no_multi_assets_change = -4171, "No need to change Multi-Assets mode.";
    quantitative_rule = -4400, "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try again later.";
    fok_rejected = -5021, "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be recorded in the order history";
    gtx_rejected = -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be recorded in the order history";
    modify_limit_only = -5025, "Only limit order is supported.";
    too_many_modifies = -5026, "Exceed maximum modify order limit.";
    no_modification = -5027, "No need to modify the order.";
    modify_min_notional = -5029, "Order's notional must be no smaller than the minimum.";
    bad_price_match = -5037, "Invalid price match";
    price_match_with_price = -5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT, and price must not be sent with it";
    bad_good_till_date = -5040, "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000";
    no_depth_for_price_match = -5041, "No depth matches this BBO order";
    modify_reduce_only_mismatch = -5047, "The reduceOnly parameter does not match the order.";
}

impl ApiError {
    /// A refusal with HTTP status 400.
    #[must_use]
    pub fn bad_request(code: i64, msg: &str) -> ApiError {
        ApiError {
            http_status: 400,
            code,
            msg: msg.to_owned(),
            retry_after_s: None,
        }
    }

    /// `-1102`: a mandatory parameter is missing.
    #[must_use]
    pub fn missing_parameter(name: &str) -> ApiError {
        ApiError::bad_request(
            -1102,
            &format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// `-1106`: a parameter was sent that this request does not take.
    #[must_use]
    pub fn superfluous_parameter(name: &str) -> ApiError {
        ApiError::bad_request(
            -1106,
            &format!("Parameter '{name}' sent when not required."),
        )
    }

    /// HTTP 429 `-1003`: weight used up for this minute.
    #[must_use]
    pub fn too_much_weight(limit: u32, retry_after_s: u64) -> ApiError {
        let msg = format!(
            "Too many requests; current limit is {limit} requests per minute. Please use the websocket for live updates to avoid polling the API."
        );
        ApiError {
            http_status: 429,
            code: -1003,
            msg,
            retry_after_s: Some(retry_after_s),
        }
    }

    /// HTTP 429 `-1015`: order count used up.
    #[must_use]
    pub fn too_many_orders(limit: u32, window: &str, retry_after_s: u64) -> ApiError {
        let msg = format!("Too many new orders; current limit is {limit} orders per {window}.");
        ApiError {
            http_status: 429,
            code: -1015,
            msg,
            retry_after_s: Some(retry_after_s),
        }
    }

    /// HTTP 418 `-1003`: the IP is banned until the given time.
    #[must_use]
    pub fn ip_banned(until_ms: i64, retry_after_s: u64) -> ApiError {
        let msg = format!(
            "Way too many requests; IP banned until {until_ms}. Please use the websocket for live updates to avoid bans."
        );
        ApiError {
            http_status: 418,
            code: -1003,
            msg,
            retry_after_s: Some(retry_after_s),
        }
    }
}
