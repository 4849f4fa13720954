using System.Net.Http.Json;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Tests.Host;

/// <summary>A rollout that does not get on, in host mode: the programs themselves.</summary>
[Collection(nameof(UpTests))]
public sealed class StallUpTests
{
    [Fact]
    public async Task Up_NewGatewaysCrash_IsDegradedWithTheReason_OldOnesServe_AndTheOldManifestUndoesIt()
    {
        var folder = Directory.CreateTempSubdirectory("mooring-stall-");
        try
        {
            var (program, broken) = (Path.Combine(folder.FullName, "gateway"), Path.Combine(folder.FullName, "broken"));
            await File.WriteAllTextAsync(
                program,
                $"""
                #!/bin/sh
                [ "$1" = serve ] && [ -e '{broken}' ] && echo 'no such library' && exit 3
                exec '{UpProcess.GatewayPath}' "$@"
                """
            );
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            await using var up = new UpProcess(Manifest, "--gateway", program);
            await up.ReadyAsync();
            using var client = await up.ConnectAsync();
            (await up.EchoesAsync(client)).ShouldBeTrue();
            var before = Serving(up);

            await File.WriteAllTextAsync(broken, "", up.Deadline);
            up.Edit("replicas: 2 # gateways", "replicas: 2 # gateways\n    image: mooring/gateway:broken");
            await up.UntilAsync(static fleet => fleet.Phase == "Progressing", "the start of the rollout");
            await up.UntilAsync(static fleet => fleet.Phase == "Degraded", "the end of the deadline");

            var degraded = up.Fleet!.Conditions.Single(static condition => condition.Type == "Degraded");
            (degraded.Status, degraded.Reason).ShouldBe(("True", "RolloutStalled"));
            degraded.Message.ShouldContain("quickstart-gateway-2: ended with exit code 3: no such library");
            up.Errors.ShouldContain($"default/quickstart is degraded: RolloutStalled: {degraded.Message}");
            using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{up.HttpPort}") };
            var shown = await http.GetFromJsonAsync("/api/v1/fleets", OverviewJson.Default.IReadOnlyListFleetOverview, up.Deadline);
            shown!.Single().Phase.ShouldBe("Degraded");
            (await http.GetStringAsync("/readyz", up.Deadline)).ShouldBe("ok\n", "as many serve as are wanted");
            Serving(up).ShouldBe(before, "those of the old revision serve on");
            (await up.EchoesAsync(client)).ShouldBeTrue();
            using var later = await up.ConnectAsync();
            (await up.EchoesAsync(later)).ShouldBeTrue();

            up.Edit("\n    image: mooring/gateway:broken", "");
            await up.ReadyAsync();
            await up.UntilAsync(static fleet => fleet.Gateways.Count == 2, "the end of the new ones");
            Serving(up).ShouldBe(before, "nobody had to be started for it");
            (await up.EchoesAsync(client)).ShouldBeTrue();
            await up.UntilAsync(
                () => up.Errors.Contains("default/quickstart is no longer degraded", StringComparison.Ordinal),
                "the word of it"
            );
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Up_NewGatewayServesAndCrashesAgainAndAgain_IsDegraded_AndNoOldOneGoes()
    {
        await using var up = new UpProcess(up => Manifest(up).Replace("10s}", "10s, minReadySeconds: 9}", StringComparison.Ordinal));
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        var before = Serving(up);

        up.Edit("replicas: 2 # gateways", "replicas: 2 # gateways\n    image: mooring/gateway:crashing");
        var killed = new HashSet<int>();
        await up.UntilAsync(
            fleet =>
            {
                // Each time that it has come to serve, and not before.
                foreach (var gateway in fleet.Gateways.Where(gateway => gateway.State == "Serving" && !before.Contains(gateway.ProcessId)))
                {
                    if (killed.Add(gateway.ProcessId))
                    {
                        _ = Libc.Kill(gateway.ProcessId, Libc.SigKill);
                    }
                }

                return fleet.Phase == "Degraded";
            },
            "the end of the deadline"
        );

        killed.Count.ShouldBeGreaterThan(1, "it came to serve more than once");
        var degraded = up.Fleet!.Conditions.Single(static condition => condition.Type == "Degraded");
        (degraded.Status, degraded.Reason).ShouldBe(("True", "RolloutStalled"));
        degraded.Message.ShouldContain("quickstart-gateway-2: ended with signal 9");
        Serving(up).Where(before.Contains).ShouldBe(before, "no old one has gone for it");
        (await up.EchoesAsync(client)).ShouldBeTrue();

        // It lasts from now on, and the rollout gets on.
        await up.UntilAsync(fleet => fleet.Phase == "Ready" && !Serving(up).Exists(before.Contains), "the end of the rollout");
    }

    [Fact]
    public async Task Up_NewCommandOfAWorkloadDoesNotStart_IsDegradedWithTheReason_AndTheOldOneServes()
    {
        await using var up = new UpProcess(Manifest);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();

        up.Edit("[gateway, bench, echo]", "[sh, -c, 'echo no such library >&2; exit 3']");
        await up.UntilAsync(static fleet => fleet.Phase == "Degraded", "the end of the deadline");

        var degraded = up.Fleet!.Conditions.Single(static condition => condition.Type == "Degraded");
        (degraded.Status, degraded.Reason).ShouldBe(("True", "RolloutStalled"));
        degraded.Message.ShouldContain("workload echo makes no progress: quickstart-echo-");
        degraded.Message.ShouldContain(": ended with exit code 3: no such library");
        up.Errors.ShouldContain($"default/quickstart is degraded: RolloutStalled: {degraded.Message}");
        (await up.EchoesAsync(client)).ShouldBeTrue();
        using var later = await up.ConnectAsync();
        (await up.EchoesAsync(later)).ShouldBeTrue();

        up.Edit("[sh, -c, 'echo no such library >&2; exit 3']", "[gateway, bench, echo]");
        await up.ReadyAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
    }

    private static List<int> Serving(UpProcess up) =>
        [.. up.Fleet!.Gateways.Where(static gateway => gateway.State == "Serving").Select(static gateway => gateway.ProcessId).Order()];

    private static string Manifest(UpProcess up) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata:
              name: quickstart
            spec:
              gateway:
                replicas: 2 # gateways
                rollout: {progressDeadline: 10s}
              listeners:
              - {name: echo, protocol: TCP, port: {{up.TcpPort}}, backend: echo}
              backends:
              - name: echo
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo]

            """;
}
