using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Tuning;
using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

public sealed class TuningPlannerTests
{
    private static readonly Dictionary<string, HostSetting> NoFiles = [];

    [Fact]
    public void Plan_LimitBelowWanted_IsRaisedAndTheOriginalKept()
    {
        var plan = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" });

        plan.Writes.ShouldBe(new Dictionary<string, string> { ["fs.nr_open"] = "2000" });
        plan.Ledger.Written["fs.nr_open"].ShouldBe(new WrittenSysctl("1000", "2000"));
    }

    [Fact]
    public void Plan_LimitAboveWanted_IsLeftAlone()
    {
        var plan = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "9000" });

        plan.Writes.ShouldBeEmpty();
        plan.Ledger.Written.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_ExactValueDiffers_IsWrittenWhicheverIsHigher()
    {
        Plan(TuningLedger.Empty, "a/a", new() { ["net.ipv4.tcp_rmem"] = "1 2 3" }, new() { ["net.ipv4.tcp_rmem"] = "4 5 6" })
            .Writes["net.ipv4.tcp_rmem"]
            .ShouldBe("1 2 3");
    }

    [Fact]
    public void Plan_WantedLowered_GoesDownButNotBelowTheOriginal()
    {
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" }).Ledger;

        Plan(ledger, "a/a", new() { ["fs.nr_open"] = "1500" }, new() { ["fs.nr_open"] = "2000" }).Writes["fs.nr_open"].ShouldBe("1500");
        var restored = Plan(ledger, "a/a", new() { ["fs.nr_open"] = "500" }, new() { ["fs.nr_open"] = "2000" });
        restored.Writes["fs.nr_open"].ShouldBe("1000");
        restored.Ledger.Written.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_NoLongerWanted_PutsTheOriginalBack()
    {
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" }).Ledger;

        var plan = Plan(ledger, "a/a", null, new() { ["fs.nr_open"] = "2000" });

        plan.Writes["fs.nr_open"].ShouldBe("1000");
        (plan.Ledger.Claims.Count, plan.Ledger.Written.Count).ShouldBe((0, 0));
    }

    [Fact]
    public void Plan_ChangedBySomebodyElseSince_IsNotPutBack()
    {
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" }).Ledger;

        var plan = Plan(ledger, "a/a", null, new() { ["fs.nr_open"] = "7000" });

        plan.Writes.ShouldBeEmpty();
        plan.Ledger.Written.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_HostFileSetsLess_IsAConflictAndNothingIsWritten()
    {
        var files = new Dictionary<string, HostSetting> { ["fs.nr_open"] = new("1000", "/etc/sysctl.d/10-site.conf") };

        var plan = TuningPlanner.Plan(TuningLedger.Empty, "a/a", Map("fs.nr_open", "2000"), Map("fs.nr_open", "1000"), files);

        plan.Writes.ShouldBeEmpty();
        plan.Conflicts["fs.nr_open"].ShouldBe("the node's /etc/sysctl.d/10-site.conf sets 1000");
    }

    [Fact]
    public void Plan_HostFileComesLater_OursIsTakenBack()
    {
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" }).Ledger;
        var files = new Dictionary<string, HostSetting> { ["fs.nr_open"] = new("900", "/etc/sysctl.conf") };

        TuningPlanner
            .Plan(ledger, "a/a", Map("fs.nr_open", "2000"), Map("fs.nr_open", "2000"), files)
            .Writes["fs.nr_open"]
            .ShouldBe("1000");
    }

    [Fact]
    public void Plan_TwoFleetsWantALimit_TheHigherHoldsUntilItsFleetGoes()
    {
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { ["fs.nr_open"] = "2000" }, new() { ["fs.nr_open"] = "1000" }).Ledger;
        var both = Plan(ledger, "b/b", new() { ["fs.nr_open"] = "3000" }, new() { ["fs.nr_open"] = "2000" });

        both.Writes["fs.nr_open"].ShouldBe("3000");
        Plan(both.Ledger, "b/b", null, new() { ["fs.nr_open"] = "3000" }).Writes["fs.nr_open"].ShouldBe("2000");
    }

    [Fact]
    public void Plan_TwoFleetsDisagreeOnAWord_TheOlderHoldsAndTheYoungerLearns()
    {
        const string name = "net.ipv4.tcp_congestion_control";
        var ledger = Plan(TuningLedger.Empty, "a/a", new() { [name] = "bbr" }, new() { [name] = "cubic" }).Ledger;

        var plan = Plan(ledger, "b/b", new() { [name] = "reno" }, new() { [name] = "bbr" });

        plan.Writes.ShouldBeEmpty();
        plan.Conflicts[name].ShouldBe("the fleet a/a wants bbr");
        Plan(plan.Ledger, "a/a", new() { [name] = "bbr" }, new() { [name] = "bbr" }).Conflicts.ShouldBeEmpty();
        Plan(plan.Ledger, "a/a", null, new() { [name] = "bbr" }).Writes[name].ShouldBe("reno");
    }

    /// <summary>Whatever fleets come, change their minds and go in whatever order: when the last has gone, the host is as it was found.</summary>
    [Fact]
    public void Plan_AllFleetsGone_HostIsAsFound()
    {
        var names = SysctlTable.All.Where(row => row.IsForNodes && row.Numbers == 1).Select(row => row.Name).Take(4).ToList();
        Gen<Dictionary<string, string>?> wanted =
            from list in Gen.SubListOf(names.ToArray())
            from value in Gen.Choose(1, 50)
            from isGone in Gen.Choose(0, 4)
            select isGone == 0 ? null : list.ToDictionary(name => name, _ => $"{value}");
        var step = from fleet in Gen.Elements("a/a", "b/b", "c/c") from map in wanted select (Fleet: fleet, Map: map);
        var gone = new[] { "a/a", "b/b", "c/c" }.Select(fleet => (Fleet: fleet, Map: (Dictionary<string, string>?)null));
        Prop.ForAll(
                step.ListOf().ToArbitrary(),
                steps =>
                {
                    var found = names.ToDictionary(name => name, _ => "20");
                    var host = new Dictionary<string, string>(found);
                    var ledger = TuningLedger.Empty;
                    foreach (var (fleet, map) in steps.Concat(gone))
                    {
                        var plan = TuningPlanner.Plan(ledger, fleet, map, host, NoFiles);
                        foreach (var (name, value) in plan.Writes)
                        {
                            host[name] = value;
                        }

                        ledger = plan.Ledger;
                        if (TuningPlanner.Plan(ledger, fleet, map, host, NoFiles).Writes.Count > 0)
                        {
                            return false;
                        }

                        var claims = ledger
                            .Claims.SelectMany(claim => claim.Sysctls)
                            .ToLookup(pair => pair.Key, pair => int.Parse(pair.Value));
                        if (names.Exists(name => int.Parse(host[name]) != Math.Max(20, claims[name].DefaultIfEmpty().Max())))
                        {
                            return false;
                        }
                    }

                    return host.OrderBy(pair => pair.Key).SequenceEqual(found.OrderBy(pair => pair.Key)) && ledger.Written.Count == 0;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    private static TuningPlan Plan(
        TuningLedger ledger,
        string fleet,
        Dictionary<string, string>? wanted,
        Dictionary<string, string> actual
    ) => TuningPlanner.Plan(ledger, fleet, wanted, actual, NoFiles);

    private static Dictionary<string, string> Map(string name, string value) => new() { [name] = value };
}
