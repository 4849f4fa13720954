using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Admin;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway.Serving;

/// <summary>The gateway as a whole, as the operator's stream and the admin side see it. Thread-safe.</summary>
internal sealed class GatewayStatus(
    ServeOptions options,
    GatewayEngine engine,
    ConfigApplier configs,
    DrainController drain,
    HandoverDispatcher handover,
    RegistryService registry,
    GatewayLog log,
    TimeProvider time
) : IStreamTarget, IGatewayView
{
    // The first dial of the stream takes a second at most where an operator is there.
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan EndpointPatience = TimeSpan.FromSeconds(20);

    private readonly long _started = time.GetTimestamp();
    private readonly LoadRates _rates = new(time);
    private readonly DateTimeOffset _startTime = time.GetUtcNow();

    public string? ConfigHash => engine.Snapshot?.Hash;

    public GatewayConfig? Config => engine.Snapshot?.Config;

    public RegistryView? Registry => registry.View();

    public TimeSpan Uptime => time.GetElapsedTime(_started);

    /// <summary>The stream, where there is one.</summary>
    public StreamClient? Stream { get; set; }

    private string Fleet => options.Fleet ?? Config?.Fleet ?? "";

    public HelloMessage Hello() =>
        new()
        {
            Fleet = Fleet,
            Gateway = options.Name,
            Version = GatewayVersion.Text,
            ConfigHash = ConfigHash,
            ProcessId = Environment.ProcessId,
            Limits = NodeLimits.Read("/proc/sys", engine.OpenFiles),
        };

    public Task<IReadOnlyList<string>> ApplyConfigAsync(ConfigMessage message) => configs.ApplyAsync(message.Config, "stream");

    public async Task ApplyEndpointsAsync(EndpointsMessage message)
    {
        if (!await engine.ApplyEndpointsAsync(message))
        {
            log.Event("endpoints_rejected", ("backend", message.Backend), ("reason", "no such backend, or none that is pushed"));
        }
    }

    public void ApplyDirective(DirectiveMessage message) => drain.Apply(message);

    public LoadGlance Glance()
    {
        var (epoch, sequence, _, _) = drain.Status;
        return new LoadGlance(
            drain.Decision.State,
            epoch,
            sequence,
            engine.Connections,
            engine.Snapshot?.Capacity ?? 0,
            registry.View() is { IsShared: true, Problem: var problem } ? problem is null : null,
            drain.Pace > 0
        );
    }

    public ReportMessage Report()
    {
        var (epoch, sequence, _, deadline) = drain.Status;
        return new ReportMessage
        {
            State = drain.Decision.State,
            DirectiveEpoch = epoch,
            DirectiveSequence = sequence,
            Connections = engine.Connections,
            Capacity = engine.Snapshot?.Capacity ?? 0,
            CapacityBound = engine.Snapshot?.CapacityBound ?? CapacityBound.Configured,
            Shortfall = engine.Shortfall(),
            DrainDeadline = deadline,
            ClosesPerSecond = drain.Pace,
            ResidentBytes = Environment.WorkingSet,
            CpuSeconds = Environment.CpuUsage.TotalTime.TotalSeconds,
            Listeners = _rates.Of(engine.ListenerLoads()),
            Countries = engine.CountryLoads(),
            Backends = _rates.Of(engine.BackendLoads()),
            Registry = RegistryLoads.Of(registry.View()),
            Tunnels = TunnelLoads.Of(engine.Tunnels),
            Overload = engine.OverloadLoad(),
            Problems = [.. engine.CertificateProblems.Take(ReportMessage.MaxProblems)],
        };
    }

    public IReadOnlyList<HealthCheck> Checks()
    {
        var waiting = engine.WaitingListeners;
        // Whoever sends clients here before that has them refused. Not for ever: one backend that nobody knows must not keep the others from serving.
        var unknown = Uptime < EndpointPatience ? engine.UnknownBackends : [];
        return
        [
            new HealthCheck("config", ConfigHash is null ? "no config yet" : null),
            new HealthCheck("listeners", waiting.Count > 0 ? "waiting for the sockets of " + string.Join(", ", waiting) : null),
            new HealthCheck("backends", unknown.Count > 0 ? "waiting for the endpoints of " + string.Join(", ", unknown) : null),
            new HealthCheck("drain", drain.Decision.Ready ? null : $"{drain.Decision.State}: {drain.Status.Reason}"),
        ];
    }

    public IReadOnlyList<BackendLoad> Backends() => engine.BackendLoads();

    public Task<IReadOnlyList<SlowConsumerLoad>> SlowConsumersAsync() => engine.SlowConsumersAsync();

    public async Task<AnswerMessage> AnswerAsync(QuestionMessage question)
    {
        try
        {
            switch (question.About)
            {
                case QuestionKind.Metrics:
                    var text = MetricsText.Write(GatewayMetrics.All, Metrics(), openMetrics: false);
                    return text.Length <= AnswerMessage.MaxMetrics
                        ? new AnswerMessage { Id = question.Id, Metrics = text }
                        : new AnswerMessage { Id = question.Id, Problem = $"the metrics have {text.Length} characters" };
                default:
                    var slow = await SlowConsumersAsync().WaitAsync(AnswerPatience);
                    return new AnswerMessage { Id = question.Id, SlowConsumers = slow };
            }
        }
        catch (TimeoutException)
        {
            return new AnswerMessage { Id = question.Id, Problem = "a loop is busy" };
        }
    }

    public MetricSource Metrics() =>
        new()
        {
            Version = GatewayVersion.Text,
            Fleet = Fleet,
            Gateway = options.Name,
            ConfigHash = ConfigHash,
            ReloadsAccepted = configs.Accepted,
            ReloadsRejected = configs.Rejected,
            StreamConnected = Stream?.IsConnected,
            LogLinesDropped = log.Dropped,
            Faults = FaultGuard.Total,
            Registry = Registry,
            CertificateExpiries = engine.CertificateExpiries,
            RevocationExpiries = engine.RevocationExpiries,
            HandedIn = engine.Arrivals.Settled,
            HandedOut = handover.Given,
            Hubs = engine.HubLoads(),
            Report = Report(),
            Process = ProcessUsage.Read(engine.OpenFiles, _startTime),
        };
}
