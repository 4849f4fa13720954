using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Tuning;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>What a fleet wants of the kernel, sorted by who can set it. Pure.</summary>
public sealed record NodeTuningPlan
{
    /// <summary>How long the tuners stay for nodes that do not say that they are as before: one that is down keeps what was changed until it starts anew.</summary>
    public static readonly TimeSpan RestoreDeadline = TimeSpan.FromMinutes(5);

    /// <summary>How long a trial that the kubelet refused is the last word: until then nobody sees that it allows the settings by now.</summary>
    public static readonly TimeSpan ForbiddenPause = TimeSpan.FromMinutes(15);

    /// <summary>How long one stands that failed for another reason, such as an eviction or a node that was shut down.</summary>
    public static readonly TimeSpan FailedPause = TimeSpan.FromMinutes(5);

    /// <summary>Nothing wanted, and nothing to be put back.</summary>
    public static NodeTuningPlan None { get; } = new();

    /// <summary>For the tuners of the nodes; null: the fleet has none.</summary>
    public TuningMessage? Message { get; init; }

    /// <summary>The DaemonSet is to be there.</summary>
    public bool HasTuners => Message is not null;

    /// <summary>What the gateways' pods set for themselves.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> PodSysctls { get; init; } = [];

    /// <summary>What the gateways' pods are to have, whoever sets it: they themselves, the node that they start on, or, where it is only compared, nobody.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> InPods { get; init; } = [];

    /// <summary>What a trial pod is to set before the gateways' may; empty: no trial.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Trial { get; init; } = [];

    /// <summary>What the pods do not get, and why.</summary>
    public IReadOnlyList<PodTuningProblem> PodProblems { get; init; } = [];

    /// <summary>Since when the nodes are being put back as they were; null: they are not.</summary>
    public DateTimeOffset? RestoringSince { get; init; }

    /// <summary>Nodes that were given up at the deadline; an empty name is of a node that no tuner is on.</summary>
    public IReadOnlyList<string> Unrestored { get; init; } = [];

    /// <summary>When to look again though nothing has changed; null: not before something does.</summary>
    public TimeSpan? After { get; init; }

    internal static NodeTuningPlan Of(FleetInput input)
    {
        if (input.Platform == FleetPlatform.Host)
        {
            return None;
        }

        var spec = input.Fleet.Spec.NodeTuning;
        if (spec is null or { Mode: "Off" })
        {
            List<KeyValuePair<string, string>> reserved = [];
            Reserve(reserved, input.Fleet);
            var plan = input.Tuner is { } left ? Restore(left, input.Now) : None;
            return reserved.Count == 0 ? plan : plan with { PodSysctls = reserved };
        }

        var (sysctls, modules) = TuningProfiles.Of(spec);
        var isApply = spec.Mode == nameof(TuningMode.Apply);
        var forNodes = sysctls.Where(pair => Row(pair.Key).IsForNodes).ToDictionary(StringComparer.Ordinal);
        var forPods = sysctls.Where(pair => Row(pair.Key).IsForPods).ToList();
        var safe = forPods.Where(pair => Row(pair.Key).IsSafeInPod).ToList();
        var tooOld = safe.Where(pair => input.Tuner?.OldestKernel is { } kernel && kernel < Row(pair.Key).SafeSince).ToList();
        var unsafeOnes = forPods.Where(pair => !Row(pair.Key).IsSafeInPod).ToList();
        var trial = isApply && spec.AllowUnsafePodSysctls ? unsafeOnes : [];
        var pod = trial.Count == 0 ? null : TrialPod(input, trial);
        var verdict = trial.Count == 0 ? TrialVerdict.None : Judge(pod);
        var stands = StandsFor(verdict, pod, input.Now);
        var granted = verdict switch
        {
            TrialVerdict.Allowed => trial,
            TrialVerdict.Pending or TrialVerdict.Failed => GrantedBefore(input, trial),
            _ => [],
        };
        List<KeyValuePair<string, string>> podSysctls = isApply ? [.. safe.Except(tooOld), .. granted] : [];
        Reserve(podSysctls, input.Fleet);
        var inherited = sysctls.Where(static pair => Row(pair.Key) is { Scope: SysctlScope.Inherited, IsForPods: false });
        return new NodeTuningPlan
        {
            // Without a stream nobody could tell a tuner what to do.
            Message = input.Stream is null ? null : Compose(isApply ? TuningMode.Apply : TuningMode.Observe, forNodes, modules),
            PodSysctls = [.. podSysctls.OrderBy(pair => pair.Key, StringComparer.Ordinal)],
            InPods =
            [
                .. (isApply ? podSysctls : forPods.Except(tooOld)).Concat(inherited).OrderBy(pair => pair.Key, StringComparer.Ordinal),
            ],
            // One that has stood its time is left out, and so deleted: without it the next look makes another.
            Trial = stands <= TimeSpan.Zero ? [] : trial,
            After = stands > TimeSpan.Zero ? stands : null,
            PodProblems =
            [
                .. tooOld.Select(pair => new PodTuningProblem(
                    pair.Key,
                    pair.Value,
                    $"needs kernel {Row(pair.Key).SafeSince} on every node"
                )),
                .. isApply ? unsafeOnes.Except(granted).Select(pair => new PodTuningProblem(pair.Key, pair.Value, Why(verdict))) : [],
            ],
        };
    }

    // pkg/kubelet/sysctl/allowlist.go
    private const string Refused = "SysctlForbidden";

    // Documentation/networking/ip-sysctl.rst
    private const string KernelPortRange = "32768 60999";

    private static SysctlDefinition Row(string name) =>
        SysctlTable.TryFind(name, out var row) ? row : throw new ArgumentException($"the schema lets no {name} through", nameof(name));

    internal static TuningMessage Off() => Compose(TuningMode.Off, new Dictionary<string, string>(), []);

    private static TuningMessage Compose(TuningMode mode, IReadOnlyDictionary<string, string> sysctls, IReadOnlyList<string> modules)
    {
        var text = $"{mode}\n{string.Join('\n', sysctls.Select(pair => $"{pair.Key}={pair.Value}"))}\n{string.Join('\n', modules)}";
        return new TuningMessage
        {
            Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16],
            Mode = mode,
            Sysctls = sysctls,
            Modules = modules,
        };
    }

    /// <summary>What is left of a fleet's tuning that wants none: the tuners stay until every node is known to be as before, within <see cref="RestoreDeadline"/>.</summary>
    private static NodeTuningPlan Restore(TunerObservation tuner, DateTimeOffset now)
    {
        var off = Off();
        var unrestored = tuner.Unrestored(off.Hash);
        if (unrestored.Count == 0)
        {
            return None;
        }

        var since = tuner.RestoringSince ?? now;
        var left = since + RestoreDeadline - now;
        return left <= TimeSpan.Zero
            ? new NodeTuningPlan { Unrestored = unrestored }
            // A clock that was set back must not keep the tuners for ever.
            : new NodeTuningPlan
            {
                Message = off,
                RestoringSince = left > RestoreDeadline ? now : since,
                After = left > RestoreDeadline ? RestoreDeadline : left,
            };
    }

    /// <summary>
    /// Ports that the fleet listens on are kept from outgoing connections where the range now covers them; those of tunnels, which are bound late,
    /// where the kernel's own range does. A safe setting of a pod since kernel 3.16.
    /// </summary>
    private static void Reserve(List<KeyValuePair<string, string>> sysctls, ConnectionFleet fleet)
    {
        var range = sysctls.Find(pair => pair.Key == "net.ipv4.ip_local_port_range").Value;
        if (sysctls.Exists(pair => pair.Key == "net.ipv4.ip_local_reserved_ports"))
        {
            return;
        }

        var bounds = (range ?? KernelPortRange).Split(' ').Select(part => long.Parse(part, CultureInfo.InvariantCulture)).ToList();
        var ports = BindPorts
            .Choose(fleet.Spec.Listeners)
            .Values.Where(port => range is not null && port >= bounds[0] && port <= bounds[1])
            .Distinct()
            .Select(port => (Start: port, End: port))
            .Concat(
                fleet
                    .Spec.Listeners.Select(listener => listener.Tunnel?.PortRange)
                    .OfType<PortRangeSpec>()
                    .Where(tunnels => tunnels.Start <= bounds[1] && tunnels.End >= bounds[0])
                    .Select(static tunnels => (tunnels.Start, tunnels.End))
            )
            .Order()
            .Select(static run => run.Start == run.End ? $"{run.Start}" : $"{run.Start}-{run.End}")
            .ToList();
        if (ports.Count > 0)
        {
            sysctls.Add(KeyValuePair.Create("net.ipv4.ip_local_reserved_ports", string.Join(',', ports)));
        }
    }

    /// <summary>
    /// What the gateways have had since an earlier trial. A trial whose pod is gone (with its node, say) or that has begun anew says nothing against it, and to
    /// take it from them and give it back would roll the fleet twice.
    /// </summary>
    private static List<KeyValuePair<string, string>> GrantedBefore(FleetInput input, IReadOnlyList<KeyValuePair<string, string>> trial)
    {
        var wanted = input.Fleet.Status?.Rollout?.Revision;
        var newest = input
            .Deployments.Where(static one => one.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole)
            .OrderByDescending(one => RevisionOf(one) == wanted)
            .ThenByDescending(static one => one.Metadata.CreationTimestamp)
            .FirstOrDefault();
        var isRefused =
            newest is not null
            && input.Pods.Any(pod => pod.Status is { Phase: "Failed", Reason: Refused } && RevisionOf(pod) == RevisionOf(newest));
        var names = trial.Select(static pair => pair.Key).ToHashSet(StringComparer.Ordinal);
        return isRefused
            ? []
            :
            [
                .. (newest?.Spec?.Template?.Spec?.SecurityContext?.Sysctls ?? [])
                    .Where(sysctl => names.Contains(sysctl.Name ?? ""))
                    .Select(static sysctl => KeyValuePair.Create(sysctl.Name!, sysctl.Value ?? "")),
            ];
    }

    private static string? RevisionOf(IKubernetesObject value) => value.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Revision);

    private static Pod? TrialPod(FleetInput input, IReadOnlyList<KeyValuePair<string, string>> trial)
    {
        var name = SysctlTrialRenderer.Render(input, trial).Metadata.Name;
        return input.SysctlTrials.FirstOrDefault(pod => pod.Metadata.Name == name);
    }

    private static TrialVerdict Judge(Pod? trial) =>
        trial?.Status switch
        {
            { Phase: "Running" or "Succeeded" } => TrialVerdict.Allowed,
            { Phase: "Failed", Reason: Refused } => TrialVerdict.Forbidden,
            { Phase: "Failed" } => TrialVerdict.Failed,
            _ => TrialVerdict.Pending,
        };

    /// <summary>After which time a trial that failed is to be made anew; null: it did not fail.</summary>
    private static TimeSpan? StandsFor(TrialVerdict verdict, Pod? trial, DateTimeOffset now)
    {
        TimeSpan? pause = verdict switch
        {
            TrialVerdict.Forbidden => ForbiddenPause,
            TrialVerdict.Failed => FailedPause,
            _ => null,
        };
        return trial?.Metadata.CreationTimestamp is { } began && pause is { } whole && now >= began ? began + whole - now : pause;
    }

    private static string Why(TrialVerdict verdict) =>
        verdict switch
        {
            TrialVerdict.None => "unsafe in a pod: set allowUnsafePodSysctls, and allow it in the kubelet (--allowed-unsafe-sysctls)",
            TrialVerdict.Forbidden => "the kubelet forbids it: --allowed-unsafe-sysctls",
            TrialVerdict.Failed => "the trial pod failed",
            _ => "a trial pod is under way",
        };

    private enum TrialVerdict
    {
        None,
        Pending,
        Allowed,
        Forbidden,
        Failed,
    }
}

/// <summary>A setting that the gateways' pods do not get.</summary>
public sealed record PodTuningProblem(string Name, string Wanted, string Reason);
