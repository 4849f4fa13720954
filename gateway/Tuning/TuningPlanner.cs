using Mooring.Contracts.Tuning;

namespace Mooring.Gateway.Tuning;

/// <summary>What is to be done to a host so that it is as its fleets want it.</summary>
/// <param name="Ledger">The ledger once the writes are made.</param>
/// <param name="Writes">Settings to write, by name.</param>
/// <param name="Conflicts">Why a claimed setting is left alone, by name.</param>
internal sealed record TuningPlan(
    TuningLedger Ledger,
    IReadOnlyDictionary<string, string> Writes,
    IReadOnlyDictionary<string, string> Conflicts
);

/// <summary>Decides what to write to a host. Pure.</summary>
internal static class TuningPlanner
{
    /// <summary>Plans for all fleets of the node after one of them has said what it wants.</summary>
    /// <param name="ledger">What was done before.</param>
    /// <param name="fleet">The fleet that speaks.</param>
    /// <param name="wanted">What it wants; null: nothing any more.</param>
    /// <param name="actual">What is there now, by name; what the kernel does not have is absent.</param>
    /// <param name="files">What the host's own sysctl.d sets, by name.</param>
    public static TuningPlan Plan(
        TuningLedger ledger,
        string fleet,
        IReadOnlyDictionary<string, string>? wanted,
        IReadOnlyDictionary<string, string> actual,
        IReadOnlyDictionary<string, HostSetting> files
    )
    {
        var all = Claims(ledger.Claims, fleet, wanted);
        var claims = all.FindAll(static claim => !claim.IsOfEarlierBoot);
        var written = new SortedDictionary<string, WrittenSysctl>(StringComparer.Ordinal);
        var writes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var conflicts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in claims.SelectMany(claim => claim.Sysctls.Keys).Concat(ledger.Written.Keys).Distinct(StringComparer.Ordinal))
        {
            var before = ledger.Written.GetValueOrDefault(name);
            if (!SysctlTable.TryFind(name, out var definition) || !actual.TryGetValue(name, out var now))
            {
                // Gone with its module, say: what was there before is still worth knowing when it comes back.
                Keep(before);
                continue;
            }

            var (target, disagreement) = Merge(definition, claims, fleet);
            var overridden = FileConflict(definition, target, files);
            if ((overridden ?? disagreement) is { } conflict)
            {
                conflicts[name] = conflict;
            }

            var ours = before is not null && SysctlValue.Normalize(before.Value) == now;
            if (target is null || overridden is not null)
            {
                // What somebody else has changed since is not ours to put back.
                if (ours && before!.Original != now)
                {
                    writes[name] = before.Original;
                }

                continue;
            }

            if (ours && SysctlValue.Satisfies(definition, before!.Original, target))
            {
                if (before.Original != now)
                {
                    writes[name] = before.Original;
                }

                continue;
            }

            if (SysctlValue.Satisfies(definition, now, target) && !(ours && now != target))
            {
                Keep(before);
                continue;
            }

            writes[name] = target;
            written[name] = new WrittenSysctl(before?.Original ?? now, target);

            void Keep(WrittenSysctl? value)
            {
                if (value is not null)
                {
                    written[name] = value;
                }
            }
        }

        return new TuningPlan(ledger with { Claims = all, Written = written }, writes, conflicts);
    }

    private static List<TuningClaim> Claims(IReadOnlyList<TuningClaim> before, string fleet, IReadOnlyDictionary<string, string>? wanted)
    {
        var claims = before.ToList();
        var place = claims.FindIndex(claim => claim.Fleet == fleet);
        if (wanted is { Count: > 0 })
        {
            // A fleet that changes its mind keeps its place, or two fleets that disagree would take turns.
            var claim = new TuningClaim(fleet, new SortedDictionary<string, string>(wanted.ToDictionary(), StringComparer.Ordinal));
            if (place < 0)
            {
                claims.Add(claim);
            }
            else
            {
                claims[place] = claim;
            }
        }
        else if (place >= 0)
        {
            claims.RemoveAt(place);
        }

        return claims;
    }

    /// <summary>What all fleets together want of one setting, and why <paramref name="fleet"/> does not get what it wants.</summary>
    private static (string? Target, string? Conflict) Merge(SysctlDefinition definition, List<TuningClaim> claims, string fleet)
    {
        string? target = null;
        string? holder = null;
        string? conflict = null;
        foreach (var claim in claims)
        {
            if (!claim.Sysctls.TryGetValue(definition.Name, out var value))
            {
                continue;
            }

            if (target is null)
            {
                (target, holder) = (SysctlValue.Normalize(value), claim.Fleet);
            }
            else if (SysctlValue.Merge(definition, target, value) is { } both)
            {
                target = both;
            }
            else if (claim.Fleet == fleet)
            {
                conflict = $"the fleet {holder} wants {target}";
            }
        }

        return (target, conflict);
    }

    private static string? FileConflict(SysctlDefinition definition, string? target, IReadOnlyDictionary<string, HostSetting> files) =>
        target is not null
        && files.TryGetValue(definition.Name, out var setting)
        && !SysctlValue.Satisfies(definition, setting.Value, target)
            ? $"the node's {setting.File} sets {setting.Value}"
            : null;
}
