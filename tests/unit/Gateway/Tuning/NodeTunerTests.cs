using Mooring.Contracts.Stream;
using Mooring.Gateway.Tuning;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tuning;

public sealed class NodeTunerTests
{
    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    [Fact]
    public async Task Run_Apply_WritesReportsAndRestores()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Set("net.core.rmem_max", "9999999");

        var report = await Tuner(host).RunAsync("h1", Apply(("fs.nr_open", "2000"), ("net.core.rmem_max", "5")), Deadline);

        (report.Hash, report.Node, report.Kernel).ShouldBe(("h1", "node-1", "6.1.0-test"));
        report.Items.ShouldAllBe(item => item.State == TuningState.Tuned);
        (host.Get("fs.nr_open"), host.Get("net.core.rmem_max")).ShouldBe(("2000", "9999999"));

        // Another process, as after the pod was replaced: what was there before is on the host.
        var restored = await Tuner(host).RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline);

        restored.Items.ShouldBeEmpty();
        (host.Get("fs.nr_open"), host.Get("net.core.rmem_max")).ShouldBe(("1000", "9999999"));
    }

    [Fact]
    public async Task Run_Observe_WritesNothing()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");

        var report = await Tuner(host)
            .RunAsync("h", Apply(("fs.nr_open", "2000")) with { Mode = TuningMode.Observe, Modules = ["tcp_bbr"] }, Deadline);

        host.Get("fs.nr_open").ShouldBe("1000");
        report
            .Items.Select(item => (item.Name, item.State, item.Actual))
            .ShouldBe([("module:tcp_bbr", TuningState.Differs, "not loaded"), ("fs.nr_open", TuningState.Differs, "1000")]);
    }

    [Fact]
    public async Task Run_KeyThatTheKernelLacks_IsReportedAndTheRestIsDone()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");

        var report = await Tuner(host).RunAsync("h", Apply(("fs.nr_open", "2000"), ("net.netfilter.nf_conntrack_max", "5")), Deadline);

        report
            .Items.Select(item => (item.Name, item.State))
            .ShouldBe([("fs.nr_open", TuningState.Tuned), ("net.netfilter.nf_conntrack_max", TuningState.Missing)]);
    }

    [Fact]
    public async Task Run_NodeThatCannotBeLookedAt_IsReportedAndNothingIsThrown()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        var tuner = new NodeTuner(
            "shop/demo",
            "node-1",
            host.Paths with
            {
                NetworkNamespace = host.Path("no-such-namespace"),
            },
            TimeProvider.System
        );

        var report = await tuner.RunAsync("h", Apply(("fs.nr_open", "2000")), Deadline);

        var item = report.Items.ShouldHaveSingleItem();
        item.State.ShouldBe(TuningState.Refused);
        item.Reason.ShouldContain("no-such-namespace");
        host.Get("fs.nr_open").ShouldBe("1000");
        // Nothing was written, so there is nothing that could not be put back.
        (await tuner.RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task Run_WhatNobodyMaySet_IsRefusedAndNotWritten()
    {
        using var host = new FakeHost();
        host.Set("net.ipv4.ip_forward", "1");
        host.Set("net.core.somaxconn", "128");

        var report = await Tuner(host)
            .RunAsync("h", Apply(("net.ipv4.ip_forward", "0"), ("net.core.somaxconn", "9")) with { Modules = ["evil"] }, Deadline);

        report.Items.Select(item => item.State).ShouldBe([TuningState.Refused, TuningState.Refused, TuningState.Refused]);
        (host.Get("net.ipv4.ip_forward"), host.Get("net.core.somaxconn")).ShouldBe(("1", "128"));
    }

    [Fact]
    public async Task Run_MalformedValue_SaysWhatIsWrongWithIt()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");

        var item = (await Tuner(host).RunAsync("h", Apply(("fs.nr_open", "abc")), Deadline)).Items.ShouldHaveSingleItem();

        (item.State, item.Actual, item.Reason).ShouldBe((TuningState.Refused, "1000", "must be one whole number of at least 0"));
        host.Get("fs.nr_open").ShouldBe("1000");
    }

    [Fact]
    public async Task Run_AdministratorsFile_IsNotFought()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Write("root/etc/sysctl.d/10-site.conf", "fs.nr_open = 1000\n");

        var item = (await Tuner(host).RunAsync("h", Apply(("fs.nr_open", "2000")), Deadline)).Items.ShouldHaveSingleItem();

        (item.State, item.Reason).ShouldBe((TuningState.Conflict, "the node's /etc/sysctl.d/10-site.conf sets 1000"));
        host.Get("fs.nr_open").ShouldBe("1000");
    }

    [Fact]
    public async Task Run_SomethingKeepsChangingIt_GivesUpAndSaysSo()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        var tuner = Tuner(host);
        var settings = Apply(("fs.nr_open", "2000"));
        var states = new List<TuningState>();
        for (var i = 0; i <= NodeTuner.MaxRewrites + 1; i++)
        {
            states.Add((await tuner.RunAsync("h", settings, Deadline)).Items[0].State);
            host.Set("fs.nr_open", "1000");
        }

        states.ShouldBe([.. Enumerable.Repeat(TuningState.Tuned, NodeTuner.MaxRewrites + 1), TuningState.Conflict]);
    }

    [Fact]
    public async Task Run_FleetChangesItsMindOftenAndGoesBack_IsNoFight()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        var tuner = Tuner(host);
        var wanted = Enumerable.Range(2, NodeTuner.MaxRewrites + 4).Select(i => $"{i}000").ToList();
        foreach (var value in wanted.Concat(Enumerable.Reverse(wanted)))
        {
            var item = (await tuner.RunAsync("h", Apply(("fs.nr_open", value)), Deadline)).Items.ShouldHaveSingleItem();

            (item.State, item.Reason, host.Get("fs.nr_open")).ShouldBe((TuningState.Tuned, "", value));
            await tuner.RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline);
            host.Get("fs.nr_open").ShouldBe("1000");
            await tuner.RunAsync("h", Apply(("fs.nr_open", value)), Deadline);
        }
    }

    [Fact]
    public async Task Run_KernelRefusesWhatWasThereBefore_IsReportedAndTriedAgain()
    {
        using var host = new FakeHost();
        var off = new NodeSettings { Mode = TuningMode.Off };
        host.Set("fs.nr_open", "1000");
        host.Set("fs.file-max", "1000");
        var tuned = FakeHost.ReadOnlyValue;
        await Tuner(host).RunAsync("h", Apply(("fs.nr_open", tuned), ("fs.file-max", "2000")), Deadline);
        host.SetReadOnly("fs.nr_open");

        for (var i = 0; i < 2; i++)
        {
            var item = (await Tuner(host).RunAsync("off", off, Deadline)).Items.ShouldHaveSingleItem();
            (item.Name, item.State, item.Wanted, item.Actual).ShouldBe(("fs.nr_open", TuningState.Refused, "1000", tuned));
            item.Reason.ShouldContain("cannot be put back");
            host.Get("fs.file-max").ShouldBe("1000");
        }

        host.Set("fs.nr_open", tuned);
        (await Tuner(host).RunAsync("off", off, Deadline)).Items.ShouldBeEmpty();
        host.Get("fs.nr_open").ShouldBe("1000");
    }

    [Fact]
    public async Task Run_KernelRefusesAnotherValue_TheFirstIsStillPutBack()
    {
        using var host = new FakeHost();
        var tuned = FakeHost.ReadOnlyValue;
        host.Set("fs.nr_open", "1000");
        await Tuner(host).RunAsync("h1", Apply(("fs.nr_open", tuned)), Deadline);
        host.SetReadOnly("fs.nr_open");
        var item = (await Tuner(host).RunAsync("h2", Apply(("fs.nr_open", "99999999")), Deadline)).Items.ShouldHaveSingleItem();
        item.State.ShouldBe(TuningState.Refused);
        host.Set("fs.nr_open", tuned);

        (await Tuner(host).RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline)).Items.ShouldBeEmpty();

        host.Get("fs.nr_open").ShouldBe("1000");
    }

    [Fact]
    public async Task RunByHand_Off_SaysWhatOtherFleetsHold_UntilItSpeaksForThem()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Set("fs.file-max", "9999");
        await Tuner(host).RunAsync("h", Apply(("fs.nr_open", "2000"), ("fs.file-max", "5")), Deadline);
        var off = new NodeSettings { Mode = TuningMode.Off };

        var held = (await ByHand("local/hand").RunByHandAsync(off, Deadline)).Items.ShouldHaveSingleItem();
        (held.Name, held.State, held.Wanted, held.Actual).ShouldBe(("fs.nr_open", TuningState.Conflict, "1000", "2000"));
        held.Reason.ShouldContain("shop/small");
        host.Get("fs.nr_open").ShouldBe("2000");

        (await ByHand("shop/small").RunByHandAsync(off, Deadline)).Items.ShouldBeEmpty();
        host.Get("fs.nr_open").ShouldBe("1000");

        NodeTuner ByHand(string fleet) => new(fleet, "node-1", host.Paths, TimeProvider.System);
    }

    [Fact]
    public async Task Run_KernelRefuses_TheLedgerIsNotWrittenAgain_AndItIsTriedAfterAWhile()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.SetReadOnly("fs.nr_open");
        var time = new ManualTime();
        var tuner = new NodeTuner("shop/small", "node-1", host.Paths, time);
        var settings = Apply(("fs.nr_open", "99999999"));
        (await tuner.RunAsync("h", settings, Deadline)).Items.ShouldHaveSingleItem().State.ShouldBe(TuningState.Refused);
        var ledger = host.Path("state/tuning.json");
        File.SetLastWriteTimeUtc(ledger, DateTime.UnixEpoch);

        var again = (await tuner.RunAsync("h", settings, Deadline)).Items.ShouldHaveSingleItem();
        (again.State, again.Reason.Length > 0).ShouldBe((TuningState.Refused, true));
        File.GetLastWriteTimeUtc(ledger).ShouldBe(DateTime.UnixEpoch, "nothing is new");

        host.Set("fs.nr_open", "1000");
        (await tuner.RunAsync("h", settings, Deadline)).Items.ShouldHaveSingleItem().State.ShouldBe(TuningState.Refused);
        time.Advance(NodeTuner.RefusedPause);
        (await tuner.RunAsync("h", settings, Deadline)).Items.ShouldHaveSingleItem().State.ShouldBe(TuningState.Tuned);
        host.Get("fs.nr_open").ShouldBe("99999999");
    }

    [Fact]
    public async Task Run_KernelRefuses_AnotherValueIsTriedAtOnce()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.SetReadOnly("fs.nr_open");
        var tuner = new NodeTuner("shop/small", "node-1", host.Paths, new ManualTime());
        await tuner.RunAsync("h1", Apply(("fs.nr_open", "99999999")), Deadline);
        host.Set("fs.nr_open", "1000");

        await tuner.RunAsync("h2", Apply(("fs.nr_open", "2000")), Deadline);

        host.Get("fs.nr_open").ShouldBe("2000");
    }

    [Fact]
    public async Task Run_NodeWasStartedAnew_WhatItStartedWithIsPutBack()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Set("fs.file-max", "1000");
        var settings = Apply(("fs.nr_open", "2000"), ("fs.file-max", "2000"));
        await Tuner(host).RunAsync("h", settings, Deadline);

        // More memory, and the kernel's own defaults are others: one as high as is wanted.
        host.Boot = "boot-2";
        host.Set("fs.nr_open", "1500");
        host.Set("fs.file-max", "2000");
        await Tuner(host).RunAsync("h", settings, Deadline);
        host.Get("fs.nr_open").ShouldBe("2000");
        await Tuner(host).RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline);

        (host.Get("fs.nr_open"), host.Get("fs.file-max")).ShouldBe(("1500", "2000"));
    }

    /// <summary>The operator gives a node up that does not answer, and the fleet goes without it.</summary>
    [Fact]
    public async Task Run_FleetThatWentWhileTheNodeWasAway_HoldsNothingOnceItStartsAnew()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        var gone = new NodeTuner("shop/gone", "node-1", host.Paths, TimeProvider.System);
        var here = new NodeTuner("shop/here", "node-1", host.Paths, TimeProvider.System);
        await gone.RunAsync("h", Apply(("fs.nr_open", "9000"), ("net.ipv4.tcp_congestion_control", "cubic")), Deadline);
        await here.RunAsync("h", Apply(("fs.nr_open", "2000")), Deadline);
        host.Get("fs.nr_open").ShouldBe("9000");

        for (var boot = 2; boot < 5; boot++)
        {
            host.Boot = $"boot-{boot}";
            host.Set("fs.nr_open", "1000");
            here = new NodeTuner("shop/here", "node-1", host.Paths, TimeProvider.System);
            await here.RunAsync("h", Apply(("fs.nr_open", "2000")), Deadline);
            host.Get("fs.nr_open").ShouldBe("2000");
        }

        (await File.ReadAllTextAsync(host.Path("state/tuning.json"))).ShouldNotContain("shop/gone");
    }

    /// <summary>Of two that want different words the older has its way, whoever's tuner starts first.</summary>
    [Fact]
    public async Task Run_NodeWasStartedAnew_FleetsKeepTheirOrder()
    {
        using var host = new FakeHost();
        host.Set("net.ipv4.tcp_congestion_control", "cubic");
        await RunAsync("shop/older", "bbr");
        await RunAsync("shop/younger", "reno");

        host.Boot = "boot-2";
        host.Set("net.ipv4.tcp_congestion_control", "cubic");
        await RunAsync("shop/younger", "reno");
        host.Get("net.ipv4.tcp_congestion_control").ShouldBe("reno", "nobody else has come yet");
        await RunAsync("shop/older", "bbr");

        host.Get("net.ipv4.tcp_congestion_control").ShouldBe("bbr");

        Task<TuningReport> RunAsync(string fleet, string word) =>
            new NodeTuner(fleet, "node-1", host.Paths, TimeProvider.System).RunAsync(
                "h",
                Apply(("net.ipv4.tcp_congestion_control", word)),
                Deadline
            );
    }

    [Fact]
    public async Task Run_LedgerIsGarbage_IsReportedAndLeftForAPerson()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Write("state/tuning.json", "{ not json");

        var item = (await Tuner(host).RunAsync("h", Apply(("fs.nr_open", "2000")), Deadline)).Items.ShouldHaveSingleItem();

        item.State.ShouldBe(TuningState.Refused);
        item.Reason.ShouldContain("tuning.json");
        host.Get("fs.nr_open").ShouldBe("1000", "what was there before could not be kept");
        File.ReadAllText(host.Path("state/tuning.json")).ShouldBe("{ not json");
    }

    [Fact]
    public async Task Run_TwoFleetsAtOnce_BothGetTheirWay()
    {
        using var host = new FakeHost();
        host.Set("fs.nr_open", "1000");
        host.Set("fs.file-max", "1000");
        var a = new NodeTuner("shop/a", "node-1", host.Paths, TimeProvider.System);
        var b = new NodeTuner("shop/b", "node-1", host.Paths, TimeProvider.System);

        await Task.WhenAll(
            a.RunAsync("h", Apply(("fs.nr_open", "2000"), ("fs.file-max", "5000")), Deadline),
            b.RunAsync("h", Apply(("fs.nr_open", "3000")), Deadline)
        );
        (host.Get("fs.nr_open"), host.Get("fs.file-max")).ShouldBe(("3000", "5000"));

        await b.RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline);
        (host.Get("fs.nr_open"), host.Get("fs.file-max")).ShouldBe(("2000", "5000"));
        await a.RunAsync("off", new NodeSettings { Mode = TuningMode.Off }, Deadline);
        (host.Get("fs.nr_open"), host.Get("fs.file-max")).ShouldBe(("1000", "1000"));
    }

    private static NodeTuner Tuner(FakeHost host) => new("shop/small", "node-1", host.Paths, TimeProvider.System);

    private static NodeSettings Apply(params (string Name, string Value)[] sysctls) =>
        new() { Mode = TuningMode.Apply, Sysctls = sysctls.ToDictionary(pair => pair.Name, pair => pair.Value) };
}
