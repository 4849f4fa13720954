using Mooring.Contracts.Stream;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Gateways;

/// <summary>One fleet within the hub. Not thread-safe: every member is used under the hub's lock.</summary>
internal sealed class FleetState
{
    private static readonly TimeSpan RateWindow = StreamLimits.ReportInterval - TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWindow = 1.5 * StreamLimits.ReportInterval;
    private readonly SortedDictionary<string, Member> _members = new(StringComparer.Ordinal);
    private const int MaxDeparted = 1000;
    private readonly Dictionary<string, DateTimeOffset> _departed = new(StringComparer.Ordinal);
    private string? _hash;
    private ReadOnlyMemory<byte> _config;
    private long _configSetAt;
    private Dictionary<string, ReadOnlyMemory<byte>> _endpoints = new(StringComparer.Ordinal);
    private IReadOnlyList<string> _withheld = [];

    /// <summary>The directive given last, by gateway; outlives a reconnect.</summary>
    public Dictionary<string, (DirectiveMessage Directive, ReadOnlyMemory<byte> Message, DateTimeOffset At)> Directives { get; } =
        new(StringComparer.Ordinal);

    /// <summary>The tuners of the fleet's nodes, which are no gateways.</summary>
    public TunerState Tuners { get; } = new();

    /// <summary>Nothing is under way: a report that tells nothing new is passed over.</summary>
    public bool IsAtRest { get; set; }

    public IReadOnlyCollection<string> Gateways => _members.Keys;

    public IEnumerable<GatewaySession> Sessions => _members.Values.Select(static member => member.Session);

    public bool IsEmpty => Tuners.IsEmpty && _hash is null && _members.Count == 0 && Directives.Count == 0;

    /// <param name="hash">The config's.</param>
    /// <param name="config">Encoded.</param>
    /// <param name="endpoints">Encoded, by backend.</param>
    /// <param name="withheld">Gateways that are not to have the config.</param>
    /// <param name="at">Timestamp of the clock.</param>
    public void SetDesired(
        string hash,
        ReadOnlyMemory<byte> config,
        Dictionary<string, ReadOnlyMemory<byte>> endpoints,
        IReadOnlyList<string> withheld,
        long at
    )
    {
        var configChanged = hash != _hash;
        _configSetAt = configChanged ? at : _configSetAt;
        foreach (var (name, member) in _members)
        {
            var outbox = member.Session.Outbox;
            if (!withheld.Contains(name) && (configChanged || (_withheld.Contains(name) && member.View.ConfigHash != hash)))
            {
                outbox.PutConfig(config);
            }

            foreach (var (backend, message) in endpoints)
            {
                if (!_endpoints.TryGetValue(backend, out var before) || !before.Span.SequenceEqual(message.Span))
                {
                    outbox.PutEndpoints(backend, message);
                }
            }

            foreach (var backend in _endpoints.Keys.Where(backend => !endpoints.ContainsKey(backend)))
            {
                outbox.DropEndpoints(backend);
            }
        }

        (_hash, _config, _endpoints, _withheld) = (hash, config, endpoints, withheld);
    }

    public bool Direct(string gateway, DirectiveMessage directive, ReadOnlyMemory<byte> message, DateTimeOffset now)
    {
        if (Directives.TryGetValue(gateway, out var last) && !IsNewer(directive, last.Directive))
        {
            return false;
        }

        Directives[gateway] = (directive, message, now);
        if (_members.TryGetValue(gateway, out var member))
        {
            member.Session.Outbox.PutDirective(message);
        }

        return true;
    }

    /// <summary>Returns the session that the new one replaces.</summary>
    public GatewaySession? Join(GatewaySession session, DateTimeOffset now)
    {
        if (session.Hello.Role == StreamRole.Tuner)
        {
            return Tuners.Join(session);
        }

        var name = session.Hello.Gateway;
        var replaced = _members.GetValueOrDefault(name)?.Session;
        _members[name] = new Member(
            session,
            new GatewayView
            {
                Hello = session.Hello,
                ConnectedAt = now,
                SeenAt = now,
                ConfigHash = session.Hello.ConfigHash,
            }
        );
        _departed.Remove(name);
        if (_hash is not null)
        {
            // A gateway that has the config already only loses by being told again.
            if (session.Hello.ConfigHash != _hash && !_withheld.Contains(name))
            {
                session.Outbox.PutConfig(_config);
            }

            foreach (var (backend, message) in _endpoints)
            {
                session.Outbox.PutEndpoints(backend, message);
            }
        }

        if (Directives.TryGetValue(name, out var last))
        {
            session.Outbox.PutDirective(last.Message);
        }

        return replaced;
    }

    /// <summary>Returns false for a session that was replaced or never joined.</summary>
    public bool Leave(GatewaySession session, DateTimeOffset now) =>
        session.Hello.Role == StreamRole.Tuner ? Tuners.Leave(session) : LeaveGateway(session, now);

    private bool LeaveGateway(GatewaySession session, DateTimeOffset now)
    {
        var name = session.Hello.Gateway;
        if (!_members.TryGetValue(name, out var member) || !ReferenceEquals(member.Session, session))
        {
            return false;
        }

        _members.Remove(name);
        if (_departed.Count >= MaxDeparted)
        {
            Forget(_departed.MinBy(static pair => pair.Value).Key);
        }

        _departed[name] = now;
        return true;
    }

    public GatewayChange? Note(GatewaySession session, GatewayMessage message, DateTimeOffset now, TimeProvider time)
    {
        if (session.Hello.Role == StreamRole.Tuner)
        {
            return message is TuningReport tuning && Tuners.Note(session, tuning) ? GatewayChange.Tuned : null;
        }

        if (!_members.TryGetValue(session.Hello.Gateway, out var member) || !ReferenceEquals(member.Session, session))
        {
            return null;
        }

        var view = member.View with { SeenAt = now };
        GatewayChange? change = null;
        switch (message)
        {
            case AckMessage ack:
                change = GatewayChange.Acked;
                if (ack.Accepted && ack.Hash == _hash && ack.Hash != view.ConfigHash)
                {
                    // One that came since was not told before it came.
                    var since = time.GetElapsedTime(_configSetAt);
                    StreamMetrics.ConfigAcknowledged(since < now - view.ConnectedAt ? since : now - view.ConnectedAt);
                }

                view = ack.Accepted
                    ? view with
                    {
                        ConfigHash = ack.Hash,
                        RefusedHash = null,
                        ConfigErrors = [],
                    }
                    : view with
                    {
                        RefusedHash = ack.Hash,
                        ConfigErrors = ack.Errors,
                    };
                break;
            case ReportMessage report:
                var rates = member.Rate(report, now);
                change =
                    !SameState(view.Report, report) ? GatewayChange.State
                    : IsAtRest && !ReportNews.Differs(view.Report!, report, view.Rates, rates) ? null
                    : GatewayChange.Figures;
                view = view with { Report = report, ReportedAt = now, Rates = rates };
                break;
        }

        member.View = view;
        return change;
    }

    public FleetView View(string key, DateTimeOffset now)
    {
        // The clock was set back since they went: they are not away the shorter for it.
        foreach (var (name, _) in _departed.Where(pair => pair.Value > now).ToList())
        {
            _departed[name] = now;
        }

        return new FleetView
        {
            Fleet = key,
            DesiredHash = _hash,
            Gateways =
            [
                .. _members.Select(pair =>
                    Directives.TryGetValue(pair.Key, out var last)
                        ? pair.Value.View with
                        {
                            Directive = last.Directive,
                            DirectedAt = last.At,
                        }
                        : pair.Value.View
                ),
            ],
            Departed =
            [
                .. _departed.Select(pair => new DepartedGateway(
                    pair.Key,
                    pair.Value,
                    Directives.TryGetValue(pair.Key, out var last) ? last.Directive : null
                )),
            ],
        };
    }

    /// <summary>Forgets a gateway that is gone for good.</summary>
    public void Forget(string gateway)
    {
        Directives.Remove(gateway);
        _departed.Remove(gateway);
    }

    /// <summary>Forgets all but the connected gateways.</summary>
    public void Clear()
    {
        (_hash, _config) = (null, default);
        _endpoints.Clear();
        Directives.Clear();
        Tuners.Clear();
        _departed.Clear();
    }

    private static bool IsNewer(DirectiveMessage directive, DirectiveMessage last) =>
        (directive.Epoch, directive.Sequence).CompareTo((last.Epoch, last.Sequence)) > 0;

    private static bool SameState(ReportMessage? before, ReportMessage after) =>
        before is not null
        && before.State == after.State
        && before.Capacity == after.Capacity
        && before.Registry?.Connected == after.Registry?.Connected
        && before.DirectiveEpoch == after.DirectiveEpoch
        && before.DirectiveSequence == after.DirectiveSequence;

    private sealed class Member(GatewaySession session, GatewayView view)
    {
        public GatewaySession Session { get; } = session;

        public GatewayView View { get; set; } = view;

        private (ReportMessage Report, DateTimeOffset At)? _base;

        /// <summary>Over windows of at least <see cref="RateWindow"/>: reports may follow each other within milliseconds.</summary>
        public GatewayRates? Rate(ReportMessage report, DateTimeOffset now)
        {
            // A clock that went back, or a process that started anew, begins anew.
            if (_base is not { } from || now < from.At || report.CpuSeconds < from.Report.CpuSeconds)
            {
                _base = (report, now);
                return null;
            }

            var seconds = (now - from.At).TotalSeconds;
            if (seconds < RateWindow.TotalSeconds)
            {
                return View.Rates;
            }

            // One that had nothing to tell at its last turn, and has now: it came after that turn.
            var (busy, recent) = (
                (report.CpuSeconds - from.Report.CpuSeconds) * 100,
                seconds > LongestWindow.TotalSeconds ? StreamLimits.ReportInterval.TotalSeconds : seconds
            );

            _base = (report, now);
            return new GatewayRates(
                busy / (busy > ReportPace.CpuPoints * seconds ? recent : seconds),
                Math.Max(0, Messages(report) - Messages(from.Report)) / recent
            );
        }

        private static long Messages(ReportMessage report) => report.Listeners.Sum(static listener => listener.MessagesTotal);
    }
}
