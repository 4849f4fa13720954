using System.Diagnostics.CodeAnalysis;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>All connected gateways of all fleets: what they are to have, what they say, and what has changed.</summary>
/// <remarks>
/// Thread-safe. In memory: a new leader starts empty and learns everything from the gateways' hellos and reports within seconds.
/// Only what differs from the last thing set is pushed, and a gateway that connects later gets all of it.
/// </remarks>
public sealed class GatewayHub(TimeProvider time)
{
    /// <summary>So long may a gateway take to answer what a person or a scrape asks.</summary>
    internal static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, FleetState> _fleets = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>
    /// Raised after each change with the fleet's key and what changed. Runs on the stream's thread, outside of any lock: a handler only
    /// queues the fleet.
    /// </summary>
    [SuppressMessage("Design", "MA0046", Justification = "A plain signal: there is no sender worth naming.")]
    [SuppressMessage("Design", "CA1003", Justification = "A plain signal: there is no sender worth naming.")]
    public event Action<string, GatewayChange>? Changed;

    /// <summary>Streams that are connected now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Sets what the fleet's gateways are to have, and pushes what differs. Returns the config's hash.</summary>
    /// <exception cref="ArgumentException">The config, or one backend's endpoints, is longer than a stream message may be; nothing changed.</exception>
    public string SetDesired(string fleet, FleetDesired desired)
    {
        var hash = ContractsJson.Hash(desired.Config);
        var config = StreamCodec.Encode(new ConfigMessage { Hash = hash, Config = desired.Config });
        var endpoints = desired.Endpoints.ToDictionary(
            static pair => pair.Key,
            pair =>
                StreamCodec.Encode(
                    new EndpointsMessage
                    {
                        Backend = pair.Key,
                        Endpoints = pair.Value,
                        // Others are none of their business: a changed pace is no reason to tell all endpoints again.
                        ClosesPerSecond = pair.Value.Any(static endpoint => endpoint.Draining) ? desired.EndpointClosesPerSecond : 0,
                    }
                ),
            StringComparer.Ordinal
        );
        lock (_lock)
        {
            Fleet(fleet).SetDesired(hash, config, endpoints, desired.Withheld, time.GetTimestamp());
        }

        return hash;
    }

    /// <summary>Sets what the fleet's tuners are to do, and tells those that were told something else.</summary>
    /// <exception cref="ArgumentException">Longer than a stream message may be; nothing changed.</exception>
    public void SetTuning(string fleet, TuningMessage message)
    {
        var json = StreamCodec.Encode(message);
        lock (_lock)
        {
            Fleet(fleet).Tuners.Set(message.Hash, json);
        }
    }

    /// <summary>The last report of each connected tuner of the fleet, ordered by node.</summary>
    public IReadOnlyList<TuningReport> Tuners(string fleet)
    {
        lock (_lock)
        {
            return _fleets.TryGetValue(fleet, out var state) ? state.Tuners.Reports() : [];
        }
    }

    /// <summary>A tuner of the fleet is connected, whether it has reported or not.</summary>
    public bool HasTuners(string fleet)
    {
        lock (_lock)
        {
            return _fleets.TryGetValue(fleet, out var state) && state.Tuners.HasMembers;
        }
    }

    /// <summary>Gives one gateway a directive, now or when it connects.</summary>
    /// <returns>False, changing nothing, when one with the same or a higher (epoch, sequence) was given before.</returns>
    public bool Direct(string fleet, string gateway, DirectiveMessage directive)
    {
        var message = StreamCodec.Encode(directive);
        lock (_lock)
        {
            return Fleet(fleet).Direct(gateway, directive, message, time.GetUtcNow());
        }
    }

    /// <summary>Forgets the directive of a gateway that is gone for good.</summary>
    public void Forget(string fleet, string gateway)
    {
        lock (_lock)
        {
            if (_fleets.TryGetValue(fleet, out var state))
            {
                state.Forget(gateway);
            }
        }
    }

    /// <summary>Says whether anything of the fleet is under way. At rest, reports that tell nothing new raise no <see cref="Changed"/>. Default: not at rest.</summary>
    public void SetAtRest(string fleet, bool atRest)
    {
        lock (_lock)
        {
            if (_fleets.TryGetValue(fleet, out var state))
            {
                state.IsAtRest = atRest;
            }
        }
    }

    /// <summary>Forgets the fleet; gateways of it that are still connected keep what they have.</summary>
    public void Remove(string fleet)
    {
        lock (_lock)
        {
            if (_fleets.TryGetValue(fleet, out var state))
            {
                state.Clear();
                DropIfEmpty(fleet, state);
            }
        }
    }

    /// <summary>The fleet as its gateways tell it; without gateways when none has connected.</summary>
    public FleetView View(string fleet)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            return _fleets.TryGetValue(fleet, out var state) ? state.View(fleet, now) : new FleetView { Fleet = fleet, Gateways = [] };
        }
    }

    /// <summary>Every fleet with a desired config or a connected gateway, ordered by key.</summary>
    public IReadOnlyList<FleetView> Views()
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            return [.. _fleets.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value.View(pair.Key, now))];
        }
    }

    /// <summary>Asks all connected gateways of a fleet, or (null) of all fleets, at once. Each that is connected is in the answer.</summary>
    /// <param name="limit">Who has not answered by then has none.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    internal async Task<IReadOnlyList<GatewayAnswer>> AskAsync(
        string? fleet,
        QuestionKind about,
        TimeSpan limit,
        CancellationToken cancellation
    )
    {
        List<GatewaySession> sessions;
        lock (_lock)
        {
            sessions =
            [
                .. _fleets
                    .Where(pair => fleet is null || pair.Key == fleet)
                    .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                    .SelectMany(static pair => pair.Value.Sessions),
            ];
        }

        return await Task.WhenAll(
            sessions.Select(async session =>
            {
                var answer = await session.AskAsync(about, limit, cancellation);
                return new GatewayAnswer(session.Hello.Fleet, session.Hello.Gateway, answer);
            })
        );
    }

    /// <summary>Takes a gateway in; one with the same name is replaced and its stream ended.</summary>
    internal void Join(GatewaySession session)
    {
        GatewaySession? replaced;
        var now = time.GetUtcNow();
        lock (_lock)
        {
            var fleet = Fleet(session.Hello.Fleet);
            var before = fleet.Gateways.Count;
            replaced = fleet.Join(session, now);
            _count += fleet.Gateways.Count - before;
        }

        replaced?.End("replaced by a newer stream of the same name");
        Changed?.Invoke(session.Hello.Fleet, GatewayChange.Connected);
    }

    /// <summary>Lets a gateway go; does nothing for one that was replaced.</summary>
    internal void Leave(GatewaySession session)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (!_fleets.TryGetValue(session.Hello.Fleet, out var state))
            {
                return;
            }

            var before = state.Gateways.Count;
            if (!state.Leave(session, now))
            {
                return;
            }

            _count += state.Gateways.Count - before;
            DropIfEmpty(session.Hello.Fleet, state);
        }

        Changed?.Invoke(session.Hello.Fleet, GatewayChange.Disconnected);
    }

    /// <summary>Takes note of an ack or a report.</summary>
    internal void Note(GatewaySession session, GatewayMessage message)
    {
        GatewayChange? change;
        var now = time.GetUtcNow();
        lock (_lock)
        {
            change = _fleets.TryGetValue(session.Hello.Fleet, out var state) ? state.Note(session, message, now, time) : null;
        }

        if (change is { } what)
        {
            Changed?.Invoke(session.Hello.Fleet, what);
        }
    }

    private FleetState Fleet(string key)
    {
        if (!_fleets.TryGetValue(key, out var state))
        {
            _fleets.Add(key, state = new FleetState());
        }

        return state;
    }

    private void DropIfEmpty(string key, FleetState state)
    {
        if (state.IsEmpty)
        {
            _fleets.Remove(key);
        }
    }
}
