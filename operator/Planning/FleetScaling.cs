using System.Globalization;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning;

/// <summary>Reads a fleet as <see cref="ScalingPolicy"/> sees it, and keeps what it has to remember in the status. Pure.</summary>
internal static class FleetScaling
{
    public const string MessagesPerSecond = "messagesPerSecond";
    public const string BandwidthMegabitsPerSecond = "bandwidthMegabitsPerSecond";
    public const string CpuPercent = "cpuPercent";

    private const int DefaultMinReplicas = 2;

    // Closing connections and handing them on takes processor time.
    private static readonly HashSet<string> OwnWork = new(StringComparer.Ordinal) { CpuPercent };

    private static readonly DayOfWeek[] EveryDay = Enum.GetValues<DayOfWeek>();

    /// <summary>Null where nobody is to scale the fleet.</summary>
    public static ScalingDecision? Decide(FleetInput input)
    {
        if (input.Fleet.Spec.Scaling is not { Driver: not null } spec)
        {
            return null;
        }

        var current = input.Fleet.Spec.Gateway.Replicas;
        var members = (input.View?.Gateways ?? []).Select(Member).OfType<MemberLoad>().ToList();
        return ScalingPolicy.Decide(
            new ScalingInput
            {
                Now = input.Now,
                Rules = Rules(spec, input.Fleet.Spec.Paused),
                Current = current,
                Members = members,
                Silent = Unheard(input) + Unseen(input),
                AssumedCapacity = PlannedCapacity.Of(input.Fleet),
                Memory = Memory(input),
            }
        );
    }

    /// <summary>
    /// Gateways that may carry somebody and have not said whom, also beyond those wanted: amid a rollout, or while others drain, as many as are wanted may have
    /// reported to a new leader already. One that starts is about to; one that does not come is waited for only for a while.
    /// </summary>
    private static int Unheard(FleetInput input)
    {
        var failed = input.Gateways.Where(static one => one.Failure is not null).Select(static one => one.Gateway.Name).ToHashSet();
        return GatewayObserver
            .Gateways(input)
            .Count(gateway => gateway.Load is null && (GatewayObserver.MayCarryUnheard(gateway, input) || IsStarting(gateway)));

        // Of a process that is started again and again the time begins anew.
        bool IsStarting(SequenceGateway gateway) =>
            gateway.Stage is GatewayStage.Pending or GatewayStage.Unassigned
            && input.Now < gateway.CreatedAt + DrainSequence.StuckAfter
            && !failed.Contains(gateway.Name);
    }

    /// <summary>Gateways that the cluster counts, and the cache of pods does not show; where no Deployment of them is known, those wanted are what is counted.</summary>
    private static int Unseen(FleetInput input)
    {
        if (input.Platform == FleetPlatform.Host)
        {
            return 0;
        }

        var groups = GatewayObserver.Groups(input);
        var seen = GatewayObserver.Gateways(input).Count(static gateway => gateway.Stage != GatewayStage.Terminating);
        return groups.Count > 0
            ? Math.Max(0, groups.Sum(static group => group.Existing) - seen)
            : Math.Max(0, input.Fleet.Spec.Gateway.Replicas - Math.Max(seen, input.View?.Gateways.Count ?? 0));
    }

    /// <summary>What the status says and remembers; the message stays while recommendation and reason do, or every report would be a write.</summary>
    public static ScalingStatus? Status(FleetInput input, ScalingDecision? decision)
    {
        if (decision is null)
        {
            return null;
        }

        var last = input.Fleet.Status?.Scaling;
        var memory = Memory(input);
        var isSame = last?.Recommended == decision.Recommended && last.Reason == decision.Reason.ToString();
        return new ScalingStatus
        {
            Recommended = decision.Recommended,
            Reason = decision.Reason.ToString(),
            Message = isSame ? last!.Message : decision.Message,
            Replicas = input.Fleet.Spec.Gateway.Replicas,
            LastScaleUpTime = Text(memory.LastScaleUp),
            LastScaleDownTime = Text(memory.LastScaleDown),
        };
    }

    /// <summary>A change of the wanted number, whoever made it, is a scaling: seen by comparison with what the status last saw.</summary>
    private static ScalingMemory Memory(FleetInput input)
    {
        var last = input.Fleet.Status?.Scaling;
        var now = DateTimeOffset.FromUnixTimeSeconds(input.Now.ToUnixTimeSeconds());
        var current = input.Fleet.Spec.Gateway.Replicas;
        return last is null
            ? ScalingMemory.Nothing
            : new ScalingMemory(
                current > last.Replicas ? now : ScalingMemory.Past(Read(last.LastScaleUpTime), input.Now),
                current < last.Replicas ? now : ScalingMemory.Past(Read(last.LastScaleDownTime), input.Now)
            );
    }

    private static string? Text(DateTimeOffset? moment) => moment?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static DateTimeOffset? Read(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment) ? moment : null;

    private static ScalingRules Rules(ScalingSpec spec, bool isPaused) =>
        new()
        {
            MinReplicas = spec.MinReplicas ?? DefaultMinReplicas,
            MaxReplicas = spec.MaxReplicas ?? DefaultMinReplicas,
            ScaleUpThresholdPercent = spec.ScaleUpThresholdPercent,
            ScaleDownThresholdPercent = spec.ScaleDownThresholdPercent,
            ScaleUpCooldown = Duration.Parse(spec.ScaleUpCooldown),
            ScaleDownCooldown = Duration.Parse(spec.ScaleDownCooldown),
            BufferConnections = spec.Buffer?.Connections ?? 0,
            BufferPercent = spec.Buffer?.Percent ?? 0,
            Targets = Targets(spec.Signals),
            OwnWork = OwnWork,
            Schedules = spec.Schedules.Select(Window).ToList(),
            ScaleInPaused = spec.ScaleInPaused,
            Paused = spec.Paused || isPaused,
        };

    private static Dictionary<string, double> Targets(ScalingSignalsSpec? spec)
    {
        var targets = new Dictionary<string, double>(StringComparer.Ordinal);
        Add(MessagesPerSecond, spec?.MessagesPerSecond);
        Add(BandwidthMegabitsPerSecond, spec?.BandwidthMegabitsPerSecond);
        Add(CpuPercent, spec?.CpuPercent);
        return targets;

        void Add(string name, int? target)
        {
            if (target is { } value)
            {
                targets[name] = value;
            }
        }
    }

    private static ScheduleWindow Window(ScalingScheduleSpec spec) =>
        new(
            spec.Name,
            spec.Days?.Select(Enum.Parse<DayOfWeek>).ToList() ?? [.. EveryDay],
            TimeOnly.ParseExact(spec.Start, "HH:mm", CultureInfo.InvariantCulture),
            TimeOnly.ParseExact(spec.End, "HH:mm", CultureInfo.InvariantCulture),
            TimeZoneInfo.FindSystemTimeZoneById(spec.TimeZone),
            spec.MinReplicas
        );

    private static MemberLoad? Member(GatewayView gateway) =>
        gateway.Report is not { } report
            ? null
            : new MemberLoad(report.State == GatewayState.Serving, report.Connections, report.Capacity)
            {
                Signals = Signals(gateway, report),
            };

    private static Dictionary<string, double> Signals(GatewayView gateway, ReportMessage report)
    {
        var signals = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [BandwidthMegabitsPerSecond] =
                report.Listeners.Sum(listener => listener.Traffic.ReceivedBitsPerSecond + listener.Traffic.SentBitsPerSecond) / 1e6,
        };
        if (gateway.Rates is { } rates)
        {
            signals[CpuPercent] = rates.CpuPercent;
            signals[MessagesPerSecond] = rates.MessagesPerSecond;
        }

        return signals;
    }
}
