using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Registry.Leases;

/// <summary>Keeps this gateway's share of the fleet's limit: asks for more before it is used up, gives back what is not used.</summary>
/// <remarks>Not thread-safe, but for <see cref="View"/>. Accepts go by <see cref="FleetShare"/> and never wait for it.</remarks>
internal sealed class LeaseKeeper(FleetShare share, Func<int> inUse, TimeProvider time)
{
    /// <summary>The registry's name of the limit.</summary>
    public const string Connections = "connections";

    /// <summary>What a process that has just started waits for the first answer, with one block to go by.</summary>
    private static readonly TimeSpan FirstAnswer = TimeSpan.FromSeconds(2);

    private FleetCapacityConfig? _limit;
    private LeaseView? _view;
    private long _startedAt;
    private long _askedAt;
    private bool _asked;
    private TimeSpan _pressedInterval = LeasePolicy.PressedInterval;
    private int _held;
    private long _validUntil;
    private int _inUseBefore;
    private int _short;
    private long _sequence;

    /// <summary>Null without a limit. Thread-safe.</summary>
    public LeaseView? View => Volatile.Read(ref _view);

    public bool IsOn => _limit is not null;

    private long Now => time.GetTimestamp() / (time.TimestampFrequency / 1_000_000);

    /// <summary>Sets the limit; null: none.</summary>
    /// <param name="limit">Of the whole fleet.</param>
    /// <param name="shared">There is a registry that others have too; without, the limit is divided evenly for good.</param>
    public void Configure(FleetCapacityConfig? limit, bool shared)
    {
        var before = _limit;
        _limit = shared ? limit : null;
        if (limit is null)
        {
            share.Set(FleetShare.Unlimited);
            Volatile.Write(ref _view, null);
        }
        else if (!shared)
        {
            var even = LeasePolicy.Even(limit.Connections, limit.Gateways);
            share.Set(even);
            Volatile.Write(ref _view, new LeaseView(limit.Connections, even, 0, 0, IsShared: false, long.MaxValue));
        }
        else if (limit != before)
        {
            _asked = false;
            if (before is null)
            {
                _startedAt = Now;
                _held = 0;
                _validUntil = 0;
            }

            // A lease of before holds on, but never for more than the new limit.
            _held = Math.Min(_held, limit.Connections);
            Publish(limit.Gateways, 0);
        }
    }

    /// <summary>Whether to ask now.</summary>
    public bool IsDue()
    {
        if (_limit is not { } limit)
        {
            return false;
        }

        var since = TimeSpan.FromMicroseconds(Now - _askedAt);
        return !_asked || since >= LeasePolicy.Interval || (since >= _pressedInterval && IsPressed(limit));
    }

    /// <summary>How long nothing will be due, as things are; zero or less: it is. <see cref="FleetShare.Pressed"/> is called if it is sooner.</summary>
    public TimeSpan Rest()
    {
        if (_limit is not { } limit)
        {
            return LeasePolicy.Interval;
        }

        // Before it is looked at: who comes in between is seen here or there.
        share.Watch(_held < limit.Connections ? Mark(limit) : limit.Connections);
        var isPressed = IsPressed(limit);
        if (isPressed)
        {
            // It is known.
            share.Watch(null);
        }

        var interval = isPressed ? _pressedInterval : LeasePolicy.Interval;
        return _asked ? interval - TimeSpan.FromMicroseconds(Now - _askedAt) : TimeSpan.Zero;
    }

    /// <summary>Asks the registry. On failure everything stays as it is, and runs out by itself.</summary>
    /// <param name="registry">Whom to ask.</param>
    /// <param name="gateway">This gateway, registered.</param>
    /// <param name="gateways">Gateways that are known to be there.</param>
    /// <param name="isEmptying">It takes no new connections.</param>
    public async Task AskAsync(IFleetRegistry registry, GatewayId gateway, int gateways, bool isEmptying)
    {
        var limit = _limit ?? throw new InvalidOperationException("there is no limit");
        gateways = Math.Max(gateways, limit.Gateways);
        // Before the call: the registry's time of it can only be later.
        var askedAt = Now;
        var refused = share.TakeRefused();
        var used = inUse();
        var held = askedAt < _validUntil ? _held : 0;
        var wish = LeasePolicy.Wish(
            new LeaseSituation
            {
                Total = limit.Connections,
                Gateways = gateways,
                InUse = used,
                Held = held,
                Arrived = Math.Max(0, used - _inUseBefore),
                Refused = refused,
                Short = _short,
                IsEmptying = isEmptying,
            }
        );
        (_askedAt, _asked, _inUseBefore) = (askedAt, true, used);
        if (wish.Want < held)
        {
            // Before the call: should its answer be lost, what was given back may be another's.
            _held = wish.Want;
            Publish(gateways, View?.Others ?? 0);
        }

        var answer = await registry.LeaseAsync(
            new LeaseRequest
            {
                Limit = Connections,
                Gateway = gateway,
                Sequence = ++_sequence,
                Total = limit.Connections,
                Held = held,
                Want = wish.Want,
                Need = wish.Need,
                Even = LeasePolicy.Even(limit.Connections, gateways),
                Ttl = LeasePolicy.Ttl,
                Settle = LeasePolicy.Settle,
            }
        );
        var news = answer.Short > 0 && _short == 0;
        (_held, _short) = (answer.Granted, answer.Short);
        _validUntil = askedAt + (long)LeasePolicy.Usable.TotalMicroseconds;
        // A dry pool is asked less and less often; somebody who is short is served at once.
        var dry = answer.Granted < wish.Need && answer.Granted <= held;
        _pressedInterval =
            !dry ? LeasePolicy.PressedInterval
            : _pressedInterval * 2 < LeasePolicy.Interval ? _pressedInterval * 2
            : LeasePolicy.Interval;
        _asked = !(news && answer.Granted > used);
        Publish(gateways, answer.Others);
    }

    /// <summary>Takes note of time passing while the registry does not answer.</summary>
    public void Tick()
    {
        if (_limit is { } limit && _validUntil == 0 && Now - _startedAt >= (long)FirstAnswer.TotalMicroseconds && View is { Afterwards: 0 })
        {
            var even = LeasePolicy.Even(limit.Connections, limit.Gateways);
            share.Set(even);
            Volatile.Write(ref _view, new LeaseView(limit.Connections, even, even, 0, IsShared: true, 0));
        }
    }

    private bool IsPressed(FleetCapacityConfig limit) => share.Refused > 0 || (_held < limit.Connections && inUse() >= Mark(limit));

    /// <summary>With so many open it is time to ask for more: half a block is left.</summary>
    private int Mark(FleetCapacityConfig limit) => _held - ((LeasePolicy.Block(limit.Connections, limit.Gateways) + 1) / 2) + 1;

    private void Publish(int gateways, int others)
    {
        var limit = _limit!;
        if (_validUntil == 0)
        {
            // Just started: the others may have all of it.
            var block = Math.Min(LeasePolicy.Block(limit.Connections, gateways), LeasePolicy.Even(limit.Connections, gateways));
            share.Set(block);
            Volatile.Write(ref _view, new LeaseView(limit.Connections, block, 0, 0, IsShared: true, 0));
            return;
        }

        var even = LeasePolicy.Even(limit.Connections, gateways);
        share.Set(_held, _validUntil, even);
        Volatile.Write(ref _view, new LeaseView(limit.Connections, _held, even, others, IsShared: true, _validUntil));
    }
}

/// <summary>This gateway's share, to be shown. Immutable.</summary>
/// <param name="Total">The fleet's limit.</param>
/// <param name="Granted">Connections that this gateway may have.</param>
/// <param name="Afterwards">Connections that it may have once the lease is over.</param>
/// <param name="Others">What others have, by the last answer.</param>
/// <param name="IsShared">Leased from a registry; else divided evenly.</param>
/// <param name="ValidUntil">End of the lease, microseconds of the event loops' clock; 0: no answer yet.</param>
internal sealed record LeaseView(int Total, int Granted, int Afterwards, int Others, bool IsShared, long ValidUntil);
