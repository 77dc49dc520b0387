//! What one symbol publishes: depth diffs per cadence, book ticker, trades and their aggregation; knows no account.

use std::collections::VecDeque;

use crate::api::{
    AggTradeEvent, BookTickerEvent, Cadence, DepthEvent, E8, ForceOrderEvent, MarketEvent,
    PublicTradeView, Side, StreamMask, TradeEvent,
};
use crate::book::{Book, Keep};
use crate::orders::ms;

/// Public trades remembered per symbol; the oldest are forgotten.
pub const RECENT_TRADES_MAX: usize = 1000;

/// Where one depth stream stands.
#[derive(Clone, Copy, Debug)]
struct Chain {
    cadence: Cadence,
    stream: StreamMask,
    /// `u` of the last event: everything up to it is published.
    published: u64,
}

/// Publishing state of one symbol.
#[derive(Debug)]
pub(crate) struct Feed {
    streams: StreamMask,
    chains: [Chain; 3],
    touch: Touch,
    aggregate: Option<AggTradeEvent>,
    liquidation: Option<ForceOrderEvent>,
    next_agg_id: u64,
    recent: VecDeque<PublicTradeView>,
}

/// Best bid and ask with their quantities; zeros for an empty side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touch {
    pub bid: (E8, E8),
    pub ask: (E8, E8),
}

impl Touch {
    pub(crate) fn of(book: &Book) -> Touch {
        Touch {
            bid: book.best(Side::Buy).unwrap_or_default(),
            ask: book.best(Side::Sell).unwrap_or_default(),
        }
    }
}

impl Feed {
    pub(crate) fn new(streams: StreamMask, book: &mut Book) -> Feed {
        let chain = |cadence, stream| Chain {
            cadence,
            stream,
            published: book.update_id(),
        };
        let chains = [
            chain(Cadence::Ms100, StreamMask::DEPTH_100),
            chain(Cadence::Ms250, StreamMask::DEPTH_250),
            chain(Cadence::Ms500, StreamMask::DEPTH_500),
        ];
        let mut feed = Feed {
            streams: StreamMask(0),
            chains,
            touch: Touch::default(),
            aggregate: None,
            liquidation: None,
            next_agg_id: 1,
            recent: VecDeque::new(),
        };
        feed.publish(streams, book);
        feed
    }

    /// Changes the published streams. A depth stream that starts begins its `pu` chain at the present update id.
    pub(crate) fn publish(&mut self, streams: StreamMask, book: &mut Book) {
        for chain in &mut self.chains {
            if !self.streams.has(chain.stream) {
                chain.published = book.update_id();
            }
        }
        self.streams = streams;
        let any = self.chains.iter().any(|chain| streams.has(chain.stream));
        book.keep_changes(if any { Keep::Changes } else { Keep::Nothing });
    }

    pub(crate) fn wants(&self, stream: StreamMask) -> bool {
        self.streams.has(stream)
    }

    /// The depth event of a cadence, when anything changed since its last one.
    pub(crate) fn depth(
        &mut self,
        now_us: u64,
        cadence: Cadence,
        book: &mut Book,
    ) -> Option<MarketEvent> {
        let chain = self
            .chains
            .iter_mut()
            .find(|chain| chain.cadence == cadence)?;
        if !self.streams.has(chain.stream) {
            return None;
        }
        let changes = book.changes_after(chain.published);
        let (first, last) = (changes.first()?.id, changes.last()?.id);
        let levels = |side: Side| {
            let mut prices: Vec<E8> = changes
                .iter()
                .filter(|change| change.side == side)
                .map(|change| change.price)
                .collect();
            prices.sort_unstable_by_key(|price| -price * side.sign());
            prices.dedup();
            prices
                .into_iter()
                .map(|price| (price, book.total_at(side, price)))
                .collect()
        };
        let event = DepthEvent {
            cadence,
            event_time_ms: ms(now_us),
            time_ms: ms(book.changed_us()),
            first_update_id: first,
            last_update_id: last,
            prev_update_id: chain.published,
            bids: levels(Side::Buy),
            asks: levels(Side::Sell),
        };
        chain.published = last;
        self.forget(book);
        Some(MarketEvent::Depth(event))
    }

    fn forget(&self, book: &mut Book) {
        let open = self
            .chains
            .iter()
            .filter(|chain| self.streams.has(chain.stream));
        if let Some(done) = open.map(|chain| chain.published).min() {
            book.forget_changes(done);
        }
    }

    /// The book ticker, when the touch changed since the last one.
    pub(crate) fn ticker(&mut self, book: &Book) -> Option<MarketEvent> {
        if !self.streams.has(StreamMask::BOOK_TICKER) {
            return None;
        }
        let touch = Touch::of(book);
        if touch == self.touch {
            return None;
        }
        self.touch = touch;
        let event = BookTickerEvent {
            update_id: book.update_id(),
            time_ms: ms(book.changed_us()),
            bid: touch.bid,
            ask: touch.ask,
        };
        Some(MarketEvent::BookTicker(event))
    }

    /// Takes over a trade; returns the trade event and an aggregate that it ended.
    pub(crate) fn trade(&mut self, trade: TradeEvent) -> [Option<MarketEvent>; 2] {
        if self.recent.len() >= RECENT_TRADES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(PublicTradeView {
            trade_id: trade.trade_id,
            price: trade.price,
            qty: trade.qty,
            time_ms: trade.time_ms,
            buyer_is_maker: trade.buyer_is_maker,
        });
        let ended = self.aggregate_trade(trade);
        let single = self
            .streams
            .has(StreamMask::TRADE)
            .then_some(MarketEvent::Trade(trade));
        [single, ended]
    }

    fn aggregate_trade(&mut self, trade: TradeEvent) -> Option<MarketEvent> {
        if let Some(open) = &mut self.aggregate
            && open.price == trade.price
            && open.buyer_is_maker == trade.buyer_is_maker
        {
            open.qty = open.qty.saturating_add(trade.qty);
            open.last_trade_id = trade.trade_id;
            open.time_ms = trade.time_ms;
            return None;
        }
        let ended = self.end_aggregate();
        self.aggregate = Some(AggTradeEvent {
            agg_id: self.next_agg_id,
            time_ms: trade.time_ms,
            price: trade.price,
            qty: trade.qty,
            first_trade_id: trade.trade_id,
            last_trade_id: trade.trade_id,
            buyer_is_maker: trade.buyer_is_maker,
        });
        self.next_agg_id += 1;
        ended
    }

    /// Ends the running aggregate (every 100 ms, or when price or side changes).
    pub(crate) fn end_aggregate(&mut self) -> Option<MarketEvent> {
        let ended = self.aggregate.take()?;
        self.streams
            .has(StreamMask::AGG_TRADE)
            .then_some(MarketEvent::AggTrade(ended))
    }

    /// Takes over a liquidation; only the largest of each second is published (protocol §2.7).
    pub(crate) fn liquidation(&mut self, event: ForceOrderEvent) {
        if self
            .liquidation
            .is_none_or(|largest| event.qty > largest.qty)
        {
            self.liquidation = Some(event);
        }
    }

    /// Ends the second of liquidations.
    pub(crate) fn end_liquidations(&mut self) -> Option<MarketEvent> {
        let largest = self.liquidation.take()?;
        self.streams
            .has(StreamMask::FORCE_ORDER)
            .then_some(MarketEvent::ForceOrder(largest))
    }

    /// The latest trades, oldest first.
    pub(crate) fn recent(&self, limit: usize) -> Vec<PublicTradeView> {
        self.recent
            .iter()
            .skip(self.recent.len().saturating_sub(limit))
            .copied()
            .collect()
    }
}
