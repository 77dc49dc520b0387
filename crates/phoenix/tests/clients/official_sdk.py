"""The official Python SDK (REST, streams, WebSocket API) against the embedded exchange: every step asserts on what came back.

Usage: official_sdk.py '<the JSON line that `phoenix exchange` prints>' KEY (SECRET | PRIVATE.pem)

With a secret all requests are signed with HMAC; with a private key file, with that key, and the WebSocket API session logs on.
"""

import asyncio
import json
import os
import sys
from importlib.metadata import version

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)

PACKAGE = "binance-sdk-derivatives-trading-usds-futures"
SYMBOL = "ETHUSDC"
TIMEOUT_S = 20


def make_client(addresses, key, credential):
    if os.path.exists(credential):
        signing = {"api_key": key, "private_key": credential}
    else:
        signing = {"api_key": key, "api_secret": credential}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(base_path=addresses["rest_url"], timeout=5000, **signing),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=addresses["ws_api_url"], **signing),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=addresses["ws_url"]),
    )


def refused_with(code, call, **params):
    try:
        call(**params)
    except BadRequestError as refused:
        # The SDK keeps the venue's code under the name of the HTTP status.
        assert refused.status_code == code, (code, vars(refused))
        return
    raise AssertionError(f"{call.__name__} {params} was accepted; expected {code}")


def passive_prices(rest):
    book = rest.order_book(symbol=SYMBOL, limit=20).data()
    bid, ask = float(book.bids[0][0]), float(book.asks[0][0])
    assert bid < ask, (bid, ask)
    return round(bid * 0.997, 2), round(ask * 1.003, 2)


def check_market(rest):
    info = rest.exchange_information().data()
    symbol = next(s for s in info.symbols if s.symbol == SYMBOL)
    assert symbol.status == "TRADING" and symbol.contract_type == "PERPETUAL", symbol
    filters = {f.filter_type: f for f in symbol.filters}
    assert filters["PRICE_FILTER"].tick_size == "0.01", filters
    assert filters["MIN_NOTIONAL"].notional == "20", filters
    assert rest.check_server_time().data().server_time > 1_600_000_000_000
    print("ok market data")


def check_account(rest):
    balances = {b.asset: b for b in rest.futures_account_balance_v3().data()}
    assert float(balances["USDC"].balance) > 90_000, balances
    account = rest.account_information_v3().data()
    assert [a.asset for a in account.assets] == ["USDC"], account.assets
    rate = rest.user_commission_rate(symbol=SYMBOL).data()
    assert float(rate.maker_commission_rate) == 0, rate
    mode = rest.get_current_position_mode().data()
    assert mode.dual_side_position is False, mode
    print("ok account")


def check_orders(rest):
    buy, sell = passive_prices(rest)
    placed = rest.new_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTX", quantity=0.1, price=buy, new_client_order_id="sdk-1"
    ).data()
    assert placed.status == "NEW" and placed.client_order_id == "sdk-1", placed
    assert float(placed.price) == buy and placed.orig_qty == "0.100", placed

    refused_with(-5022, rest.new_order, symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTX", quantity=0.1, price=sell)
    refused_with(-4116, rest.new_order, symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTX", quantity=0.1, price=buy, new_client_order_id="sdk-1")

    lower = round(buy - 1, 2)
    changed = rest.modify_order(symbol=SYMBOL, side="BUY", quantity=0.2, price=lower, order_id=placed.order_id).data()
    assert changed.order_id == placed.order_id and float(changed.price) == lower, changed
    assert rest.query_order(symbol=SYMBOL, order_id=placed.order_id).data().orig_qty == "0.200"
    cancelled = rest.cancel_order(symbol=SYMBOL, orig_client_order_id="sdk-1").data()
    assert cancelled.status == "CANCELED", cancelled
    refused_with(-2011, rest.cancel_order, symbol=SYMBOL, order_id=placed.order_id)
    print("ok place, post-only rejection, modify, query, cancel")


def check_batch(rest):
    buy, sell = passive_prices(rest)
    base = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTX", "quantity": 0.1}
    batch = [
        {**base, "side": "BUY", "price": buy, "newClientOrderId": "sdk-b1"},
        {**base, "side": "SELL", "price": sell, "newClientOrderId": "sdk-b2"},
        {**base, "side": "BUY", "price": sell, "newClientOrderId": "sdk-b3"},
    ]
    rows = [row.to_dict() for row in rest.place_multiple_orders(batch_orders=batch).data()]
    assert [row.get("status") for row in rows[:2]] == ["NEW", "NEW"], rows
    assert rows[2].get("code") == -5022, rows[2]
    gone = rest.cancel_multiple_orders(symbol=SYMBOL, orig_client_order_id_list=["sdk-b1", "sdk-b2"]).data()
    assert [row.status for row in gone] == ["CANCELED", "CANCELED"], gone
    armed = rest.auto_cancel_all_open_orders(symbol=SYMBOL, countdown_time=60_000).data()
    assert armed.countdown_time == "60000", armed
    rest.auto_cancel_all_open_orders(symbol=SYMBOL, countdown_time=0)
    print("ok batch, batch cancel, dead-man switch")


async def check_streams(client):
    """User data and market data over the SDK's three sockets, with a fill and the position after it."""
    rest = client.rest_api
    connection = await client.websocket_streams.create_connection()
    heard, changed = [], asyncio.Event()

    def on_message(source):
        def take(message):
            heard.append((source, message))
            changed.set()

        return take

    async def until(is_it):
        async def wait():
            while True:
                changed.clear()
                for entry in heard:
                    if is_it(*entry):
                        return entry[1]
                await changed.wait()

        return await asyncio.wait_for(wait(), TIMEOUT_S)

    def raw(message):
        inner = getattr(message, "actual_instance", message)
        return inner.to_dict() if hasattr(inner, "to_dict") else dict(inner)

    try:
        listen_key = rest.start_user_data_stream().data().listen_key
        assert rest.keepalive_user_data_stream().data().listen_key == listen_key
        (await connection.user_data(listen_key)).on("message", on_message("user"))
        (await connection.individual_symbol_book_ticker_streams(symbol=SYMBOL.lower())).on("message", on_message("ticker"))
        (await connection.diff_book_depth_streams(symbol=SYMBOL.lower(), update_speed="100ms")).on("message", on_message("depth"))
        (await connection.aggregate_trade_streams(symbol=SYMBOL.lower())).on("message", on_message("trade"))
        (await connection.mark_price_stream(symbol=SYMBOL.lower(), update_speed="1s")).on("message", on_message("mark"))
        for source in ("ticker", "depth", "trade", "mark"):
            message = raw(await until(lambda s, m, source=source: s == source))
            assert message["s"] == SYMBOL, message
        print("ok book ticker, depth, trade and mark price streams")

        bought = rest.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.5, new_order_resp_type="RESULT").data()
        assert bought.status == "FILLED" and bought.executed_qty == "0.500", bought

        def of_kind(kind, is_it=lambda event: True):
            # The SDK tells event types apart by model and drops `e`.
            return lambda s, m: s == "user" and type(m.actual_instance).__name__ == kind and is_it(raw(m))

        filled = raw(await until(of_kind("OrderTradeUpdate", lambda e: e["o"]["X"] == "FILLED" and e["o"]["i"] == bought.order_id)))
        assert filled["o"]["z"] == "0.500" and filled["o"]["x"] == "TRADE", filled
        account = raw(await until(of_kind("AccountUpdate")))
        assert account["a"]["m"] == "ORDER", account
        await until(of_kind("TradeLite"))
        positions = rest.position_information_v3(symbol=SYMBOL).data()
        assert len(positions) == 1 and positions[0].position_amt == "0.500", positions
        trades = rest.account_trade_list(symbol=SYMBOL).data()
        assert abs(sum(float(t.qty) for t in trades) - 0.5) < 1e-9, trades
        rest.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.5, reduce_only="true")
        assert [p.position_amt for p in rest.position_information_v3(symbol=SYMBOL).data()] == []
        print("ok user stream, positions, trades")
    finally:
        await connection.close_connection(close_session=True)


async def check_ws_api(client):
    connection = await client.websocket_api.create_connection()
    try:
        buy, _ = passive_prices(client.rest_api)
        placed = (await connection.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTX", quantity=0.1, price=buy)).data().result
        assert placed.status == "NEW", placed
        changed = (await connection.modify_order(symbol=SYMBOL, side="BUY", quantity=0.2, price=round(buy - 1, 2), order_id=placed.order_id)).data().result
        assert changed.orig_qty == "0.200", changed
        answer = await connection.query_order(symbol=SYMBOL, order_id=placed.order_id)
        assert answer.data().result.status == "NEW", answer.data()
        assert answer.rate_limits and answer.rate_limits[0].limit == 2400, answer.rate_limits
        cancelled = (await connection.cancel_order(symbol=SYMBOL, order_id=placed.order_id)).data().result
        assert cancelled.status == "CANCELED", cancelled
        positions = (await connection.position_information_v2()).data().result
        assert positions == [], positions
        balance = (await connection.futures_account_balance_v2()).data().result
        assert balance[0].asset == "USDC", balance
        key = (await connection.start_user_data_stream()).data().result.listen_key
        assert len(key) == 64, key
        print("ok WebSocket API")
    finally:
        await connection.close_connection(close_session=True)


async def main():
    client = make_client(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3])
    check_market(client.rest_api)
    check_account(client.rest_api)
    check_orders(client.rest_api)
    check_batch(client.rest_api)
    await check_streams(client)
    await check_ws_api(client)
    print(f"{PACKAGE} {version(PACKAGE)}: all passed")


asyncio.run(main())
