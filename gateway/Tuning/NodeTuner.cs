using System.ComponentModel;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Tuning;

namespace Mooring.Gateway.Tuning;

/// <summary>Where a host is to be found from inside a pod.</summary>
internal sealed record HostPaths
{
    /// <summary>The host's root directory: its sysctl.d and modules.</summary>
    public required string Root { get; init; }

    /// <summary>Where the ledger is: a directory of the host.</summary>
    public required string State { get; init; }

    /// <summary>The host's network namespace; null: the one we are in.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>Kernel settings.</summary>
    public string Sysctls { get; init; } = "/proc/sys";

    /// <summary>Mount of sysfs.</summary>
    public string Sys { get; init; } = "/sys";

    /// <summary><c>uname -r</c> of the node.</summary>
    public string Kernel { get; init; } = Read("/proc/sys/kernel/osrelease") ?? Environment.OSVersion.Version.ToString();

    /// <summary>Another at each boot of the node; null: not known.</summary>
    public string? Boot { get; init; } = Read("/proc/sys/kernel/random/boot_id");

    private static string? Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>Brings one host to what a fleet wants of it, and says how it is. One call at a time.</summary>
internal sealed class NodeTuner(string fleet, string node, HostPaths host, TimeProvider time)
{
    /// <summary>So often within <see cref="FightWindow"/> is a setting put right again; after that, whoever keeps changing it has won.</summary>
    public const int MaxRewrites = 3;

    public static readonly TimeSpan FightWindow = TimeSpan.FromHours(1);

    /// <summary>What the kernel refused is not tried again for so long, unless another value is wanted or a module has come.</summary>
    public static readonly TimeSpan RefusedPause = TimeSpan.FromMinutes(5);

    private const string RefusedPrefix = "refused: ";

    private readonly TuningLedgerFile _ledger = new(host.State);
    private readonly Dictionary<string, List<DateTimeOffset>> _rewrites = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tuned = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RefusedWrite> _refused = new(StringComparer.Ordinal);
    private string _modules = "";

    /// <summary>Applies, watches or takes back, and reports. What goes wrong is in the report: it throws only when cancelled.</summary>
    public async Task<TuningReport> RunAsync(string hash, NodeSettings settings, CancellationToken cancellation)
    {
        var problem = default(string);
        var unread = default(string);
        var conflicts = new Dictionary<string, string>(StringComparer.Ordinal);
        var unrestored = new SortedDictionary<string, TuningItem>(StringComparer.Ordinal);
        var modules = LoadModules(settings);
        var loaded = string.Join(' ', modules.Where(static item => item.State == TuningState.Tuned).Select(static item => item.Name));
        if (loaded != _modules)
        {
            _modules = loaded;
            _refused.Clear();
        }

        try
        {
            // A fleet that only looks from now on claims nothing any more.
            var claim = settings.Mode == TuningMode.Apply ? NodeKeys(settings.Sysctls) : null;
            await ChangeAsync(claim, settings, conflicts, unrestored, cancellation);
        }
        catch (Exception error) when (IsOfTheNode(error))
        {
            problem = error.Message;
        }

        var actual = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            actual = settings.Mode == TuningMode.Off ? actual : await ReadAsync(settings.Sysctls.Keys);
        }
        catch (Exception error) when (IsOfTheNode(error))
        {
            problem = unread = error.Message;
        }

        return new TuningReport
        {
            Hash = hash,
            Node = node,
            Kernel = host.Kernel,
            Items =
            [
                .. modules,
                .. settings.Mode == TuningMode.Off
                    ? problem is null
                        ? []
                        :
                        [
                            new TuningItem
                            {
                                Name = "restore",
                                State = TuningState.Refused,
                                Reason = problem,
                            },
                        ]
                    : settings
                        .Sysctls.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                        .Select(pair => Judge(pair.Key, pair.Value, actual, conflicts, problem, settings.Mode))
                        // Nothing is known of the node where it cannot be looked at.
                        .Select(item =>
                            unread is null
                                ? item
                                : item with
                                {
                                    State = TuningState.Refused,
                                    Reason = $"the node cannot be looked at: {unread}",
                                }
                        ),
                .. unrestored.Values.Where(item => settings.Mode == TuningMode.Off || !settings.Sysctls.ContainsKey(item.Name)),
            ],
        };
    }

    /// <summary>As <see cref="RunAsync"/>, for somebody at the node: with mode Off the report also has what stays as it is because other fleets hold it.</summary>
    public async Task<TuningReport> RunByHandAsync(NodeSettings settings, CancellationToken cancellation)
    {
        var report = await RunAsync("", settings, cancellation);
        return settings.Mode == TuningMode.Off ? report with { Items = [.. report.Items, .. HeldByOthers()] } : report;
    }

    private IEnumerable<TuningItem> HeldByOthers()
    {
        TuningLedger ledger;
        try
        {
            ledger = _ledger.Read();
        }
        catch (Exception error) when (IsOfTheNode(error))
        {
            // The report has it.
            return [];
        }

        return from written in ledger.Written.OrderBy(static one => one.Key, StringComparer.Ordinal)
            let holders = ledger
                .Claims.Where(claim => claim.Fleet != fleet && !claim.IsOfEarlierBoot && claim.Sysctls.ContainsKey(written.Key))
                .Select(static claim => claim.Fleet)
                .ToList()
            where holders.Count > 0
            select new TuningItem
            {
                Name = written.Key,
                State = TuningState.Conflict,
                Wanted = written.Value.Original,
                Actual = written.Value.Value,
                Reason = $"held for {string.Join(", ", holders)}: --fleet with its name gives up what it holds",
            };
    }

    // What a node may be like; anything else is a mistake of this program.
    private static bool IsOfTheNode(Exception error) =>
        error is IOException or UnauthorizedAccessException or InvalidDataException or Win32Exception;

    /// <summary>The report of a tuner that has not been told anything yet.</summary>
    public TuningReport Idle() =>
        new()
        {
            Hash = "",
            Node = node,
            Kernel = host.Kernel,
        };

    private async Task ChangeAsync(
        IReadOnlyDictionary<string, string>? wanted,
        NodeSettings settings,
        Dictionary<string, string> conflicts,
        SortedDictionary<string, TuningItem> unrestored,
        CancellationToken cancellation
    ) =>
        await _ledger.ChangeAsync(
            async kept =>
            {
                var ledger = OfThisBoot(kept);
                // Of a ledger that holds nothing, the boot is of no matter.
                var unchanged = kept.Written.Count == 0 && kept.Claims.Count == 0 ? kept : ledger;
                if (wanted is null && ledger.Written.Count == 0 && ledger.Claims.All(claim => claim.Fleet != fleet))
                {
                    // Nothing to take back, also where the node cannot be looked at.
                    return unchanged;
                }

                var names = ledger.Claims.SelectMany(claim => claim.Sysctls.Keys).Concat(ledger.Written.Keys).Concat(settings.Sysctls.Keys);
                var actual = await ReadAsync(names);
                var plan = TuningPlanner.Plan(ledger, fleet, wanted, actual, HostSysctlFiles.Read(host.Root));
                foreach (var (name, why) in plan.Conflicts)
                {
                    conflicts[name] = why;
                }

                plan = WithoutRefused(plan, ledger, conflicts);
                if (IsUnchanged(plan, ledger))
                {
                    return unchanged;
                }

                // The originals first, and until they are back: a crash after this line, or a kernel that refuses, must lose none of them.
                var back = plan.Writes.Keys.Where(name => !plan.Ledger.Written.ContainsKey(name)).ToList();
                _ledger.Write(WithWritten(plan.Ledger, ledger, back));
                var refused = await WriteAsync(
                    plan,
                    name =>
                        wanted is not null
                        && ledger.Written.TryGetValue(name, out var written)
                        && SysctlValue.Normalize(written.Value) != actual.GetValueOrDefault(name),
                    conflicts
                );
                foreach (var name in back.Where(refused.ContainsKey))
                {
                    unrestored[name] = new TuningItem
                    {
                        Name = name,
                        State = TuningState.Refused,
                        Wanted = plan.Writes[name],
                        Actual = actual[name],
                        Reason = $"what was there before cannot be put back: {refused[name]}",
                    };
                }

                return WithWritten(plan.Ledger, ledger, refused.Keys);
            },
            time,
            cancellation
        );

    /// <summary>
    /// Kernel settings do not outlive a boot: what was written before it is gone, and what is there now is what was there before. Each fleet that is still there
    /// renews its claim as its tuner starts; one that was not renewed for a whole boot is forgotten.
    /// </summary>
    private TuningLedger OfThisBoot(TuningLedger ledger) =>
        host.Boot is not { } boot || ledger.Boot == boot ? ledger
        : ledger.Boot is null ? ledger with { Boot = boot }
        : ledger with
        {
            Boot = boot,
            Written = TuningLedger.Empty.Written,
            Claims =
            [
                .. ledger
                    .Claims.Where(static claim => !claim.IsOfEarlierBoot)
                    .Select(static claim => claim with { IsOfEarlierBoot = true }),
            ],
        };

    /// <summary>The ledger with these settings as they were in the one before it.</summary>
    private static TuningLedger WithWritten(TuningLedger ledger, TuningLedger before, IReadOnlyCollection<string> names)
    {
        var written = new SortedDictionary<string, WrittenSysctl>(ledger.Written.ToDictionary(), StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (before.Written.TryGetValue(name, out var value))
            {
                written[name] = value;
            }
            else
            {
                written.Remove(name);
            }
        }

        return ledger with
        {
            Written = written,
        };
    }

    /// <summary>The plan without what the kernel would refuse once more. What was there before is tried at each look: it is waited for.</summary>
    private TuningPlan WithoutRefused(TuningPlan plan, TuningLedger ledger, Dictionary<string, string> conflicts)
    {
        var now = time.GetUtcNow();
        var waiting = plan
            .Writes.Where(write =>
                plan.Ledger.Written.ContainsKey(write.Key)
                && _refused.TryGetValue(write.Key, out var refused)
                && refused.Value == write.Value
                && now - refused.At < RefusedPause
            )
            .Select(static write => write.Key)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var name in waiting)
        {
            conflicts[name] = RefusedPrefix + _refused[name].Why;
        }

        return waiting.Count == 0
            ? plan
            : plan with
            {
                Ledger = WithWritten(plan.Ledger, ledger, waiting),
                Writes = plan.Writes.Where(write => !waiting.Contains(write.Key)).ToDictionary(StringComparer.Ordinal),
            };
    }

    private static bool IsUnchanged(TuningPlan plan, TuningLedger ledger) =>
        plan.Writes.Count == 0
        && plan.Ledger.Written.Count == ledger.Written.Count
        && plan.Ledger.Claims.Count == ledger.Claims.Count
        && plan.Ledger.Claims.Zip(ledger.Claims)
            .All(pair =>
                pair.First.Fleet == pair.Second.Fleet
                && pair.First.IsOfEarlierBoot == pair.Second.IsOfEarlierBoot
                && pair.First.Sysctls.OrderBy(x => x.Key, StringComparer.Ordinal)
                    .SequenceEqual(pair.Second.Sysctls.OrderBy(x => x.Key, StringComparer.Ordinal))
            );

    /// <param name="isPutRight">Whether a setting is not what was left there, so that somebody else has changed it.</param>
    /// <returns>Settings that the kernel did not take, with why.</returns>
    private async Task<Dictionary<string, string>> WriteAsync(
        TuningPlan plan,
        Predicate<string> isPutRight,
        Dictionary<string, string> conflicts
    )
    {
        var writes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in plan.Writes)
        {
            if (isPutRight(name) && IsFight(name))
            {
                conflicts[name] = $"something else on the node keeps changing it (put right {MaxRewrites} times)";
            }
            else
            {
                writes[name] = value;
            }
        }

        var outcomes = await HostNamespace.RunAsync(
            host.NetworkNamespace,
            () =>
            {
                var sysctls = new ProcSysctls(host.Sysctls);
                return writes.ToDictionary(pair => pair.Key, pair => sysctls.Write(pair.Key, pair.Value), StringComparer.Ordinal);
            }
        );
        var refused = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, why) in outcomes)
        {
            if (why is null)
            {
                _tuned.Add(name);
                _refused.Remove(name);
            }
            else
            {
                refused[name] = why;
                _refused[name] = new RefusedWrite(writes[name], why, time.GetUtcNow());
                conflicts[name] = RefusedPrefix + why;
            }
        }

        return refused;
    }

    /// <summary>Counts a setting that was right and is not any more.</summary>
    private bool IsFight(string name)
    {
        if (!_tuned.Contains(name))
        {
            return false;
        }

        if (!_rewrites.TryGetValue(name, out var times))
        {
            _rewrites[name] = times = [];
        }

        var now = time.GetUtcNow();
        times.RemoveAll(at => now - at > FightWindow);
        if (times.Count >= MaxRewrites)
        {
            return true;
        }

        times.Add(now);
        return false;
    }

    private Task<Dictionary<string, string>> ReadAsync(IEnumerable<string> names)
    {
        var all = names.Distinct(StringComparer.Ordinal).ToList();
        return HostNamespace.RunAsync(
            host.NetworkNamespace,
            () =>
            {
                var sysctls = new ProcSysctls(host.Sysctls);
                var values = new Dictionary<string, string>(StringComparer.Ordinal);
                foreach (var name in all)
                {
                    if (SysctlTable.TryFind(name, out _) && sysctls.TryRead(name, out var value))
                    {
                        values[name] = value;
                    }
                }

                return values;
            }
        );
    }

    private static Dictionary<string, string> NodeKeys(IReadOnlyDictionary<string, string> sysctls) =>
        sysctls
            .Where(pair => SysctlTable.TryFind(pair.Key, out var row) && row.IsForNodes && SysctlValue.Check(row, pair.Value) is null)
            .ToDictionary(StringComparer.Ordinal);

    private List<TuningItem> LoadModules(NodeSettings settings)
    {
        var modules = new KernelModules(host.Root, host.Sys, host.Kernel);
        var items = new List<TuningItem>();
        foreach (var module in settings.Mode == TuningMode.Off ? [] : settings.Modules)
        {
            var item = new TuningItem
            {
                Name = "module:" + module,
                State = TuningState.Tuned,
                Wanted = "loaded",
                Actual = "loaded",
            };
            if (!SysctlTable.Modules.Contains(module, StringComparer.Ordinal))
            {
                item = item with { State = TuningState.Refused, Actual = "", Reason = "not a module that a fleet may load" };
            }
            else if (!modules.IsPresent(module) && !IsBuiltIn(module))
            {
                item =
                    settings.Mode == TuningMode.Observe ? item with { State = TuningState.Differs, Actual = "not loaded" }
                    : modules.Load(module) is { } why ? item with { State = TuningState.Refused, Actual = "not loaded", Reason = why }
                    : item;
            }

            items.Add(item);
        }

        return items;
    }

    /// <summary>A congestion control that the kernel offers, built in or not.</summary>
    private bool IsBuiltIn(string module) =>
        module.StartsWith("tcp_", StringComparison.Ordinal)
        && new ProcSysctls(host.Sysctls).TryRead("net.ipv4.tcp_available_congestion_control", out var offered)
        && offered.Split(' ').Contains(module["tcp_".Length..], StringComparer.Ordinal);

    private static TuningItem Judge(
        string name,
        string wanted,
        Dictionary<string, string> actual,
        Dictionary<string, string> conflicts,
        string? problem,
        TuningMode mode
    )
    {
        var item = new TuningItem
        {
            Name = name,
            State = TuningState.Tuned,
            Wanted = SysctlValue.Normalize(wanted),
        };
        if (!SysctlTable.TryFind(name, out var definition) || !definition.IsForNodes)
        {
            return item with { State = TuningState.Refused, Reason = "not a setting of a node that Mooring knows" };
        }

        if (SysctlValue.Check(definition, wanted) is { } wrong)
        {
            return item with { State = TuningState.Refused, Actual = actual.GetValueOrDefault(name, ""), Reason = wrong };
        }

        if (!actual.TryGetValue(name, out var value))
        {
            return item with { State = TuningState.Missing, Reason = "the kernel does not have it (a module may be missing)" };
        }

        item = item with { Actual = value };
        if (SysctlValue.Satisfies(definition, value, wanted))
        {
            return item;
        }

        if (conflicts.TryGetValue(name, out var why))
        {
            return why.StartsWith(RefusedPrefix, StringComparison.Ordinal)
                ? item with
                {
                    State = TuningState.Refused,
                    Reason = why[RefusedPrefix.Length..],
                }
                : item with
                {
                    State = TuningState.Conflict,
                    Reason = why,
                };
        }

        return problem is not null ? item with { State = TuningState.Refused, Reason = problem }
            : mode == TuningMode.Observe ? item with { State = TuningState.Differs, Reason = "only observed" }
            : item with { State = TuningState.Refused, Reason = "the kernel took the value and shows another" };
    }

    private sealed record RefusedWrite(string Value, string Why, DateTimeOffset At);
}
