using System.Net;
using System.Net.Sockets;
using Mooring.Operator.Host;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>What the supervisor makes of a manifest, before any process is started.</summary>
public sealed class SupervisorTests : IAsyncDisposable
{
    private const string Secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {tls.crt: c, tls.key: k}";
    private readonly HostRig _rig = new();
    private readonly Supervisor _supervisor;

    public SupervisorTests() => _supervisor = new Supervisor(_rig.Context, _rig.Posted, static _ => { });

    public async ValueTask DisposeAsync()
    {
        await _supervisor.DisposeAsync();
        Directory.GetFiles(_rig.StateDirectory, "handover-*").ShouldBeEmpty();
        await _rig.DisposeAsync();
    }

    [Theory]
    [InlineData("handover-2.board")]
    [InlineData("handover-2.sock")]
    public void Apply_NoRoomForTheSocketOfAFleet_ChangesNothing(string name)
    {
        var (one, two, three) = (Ports.Free(), Ports.Free(), Ports.Free());
        _supervisor.Apply(Manifest(Fleet("one", one))).ShouldBeEmpty();
        // Neither can be made in its place, be it by root.
        var obstacle = Directory.CreateDirectory(Path.Combine(_rig.StateDirectory, name, "full"));
        var edit = Manifest(
            Fleet("two", two),
            Fleet("three", three),
            "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {word: new}"
        );

        _supervisor.Reload(edit).ShouldHaveSingleItem().ShouldContain("default/three");

        (_supervisor.Find("default/two"), _supervisor.Find("default/three")).ShouldBe((null, null));
        _supervisor.Find("default/one")!.IsStopping.ShouldBeFalse();
        Directory.Exists(_rig.Context.Options.Secrets.State).ShouldBeFalse();
        using (var listener = new TcpListener(IPAddress.Loopback, two))
        {
            listener.Start();
        }

        obstacle.Parent!.Delete(recursive: true);
        _supervisor.Reload(edit).ShouldBeEmpty();
        _supervisor.Find("default/one")!.IsStopping.ShouldBeTrue();
        _supervisor.Find("default/two").ShouldNotBeNull();
    }

    [Fact]
    public async Task Dispose_FileThatCannotBeRemoved_IsLeftToTheWatchdog()
    {
        var other = new Supervisor(_rig.Context, _rig.Posted, static _ => { });
        other.Apply(Manifest(Fleet("one", Ports.Free()))).ShouldBeEmpty();
        var board = Path.Combine(_rig.StateDirectory, "handover-0.board");
        File.Delete(board);
        Directory.CreateDirectory(Path.Combine(board, "full"));

        await Should.NotThrowAsync(() => other.DisposeAsync().AsTask());
    }

    /// <summary>It is started after the workloads, and on that port alone.</summary>
    [Fact]
    public void Taken_PortOfRedis_IsFromBeforeItRuns()
    {
        var fleet = Fleet("one", Ports.Free()) + "\n  gateway: {replicas: 2, capacity: {fleetConnections: 40} }";
        _supervisor.Apply(Manifest(fleet)).ShouldBeEmpty();

        var redis = _supervisor.Find("default/one")!.Fleet.Plan.Config.Registry!.Redis!.Addresses.ShouldHaveSingleItem();

        _supervisor.Taken.ShouldContain(int.Parse(redis.Split(':')[1]));
    }

    /// <summary>Neither an edit nor the admin API starts or ends anything before the fleet is resumed.</summary>
    [Fact]
    public void Apply_PausedFleetThatWasScaledByItsLoad_KeepsItsGateways()
    {
        const string scaling = "\n  scaling: {driver: Operator, minReplicas: 1, maxReplicas: 9}";
        const string paused = "\n  paused: true";
        var one = Fleet("one", Ports.Free()) + "\n  gateway: {replicas: 2}";
        _supervisor.Apply(Manifest(one + scaling)).ShouldBeEmpty();
        var fleet = _supervisor.Find("default/one")!;
        fleet.ScaleTo(5).ShouldBeTrue();
        fleet.Gateways.Desired.ShouldBe(5);

        _supervisor.Apply(Manifest(one + scaling + paused)).ShouldBeEmpty();
        fleet.ScaleTo(6).ShouldBeTrue();
        _supervisor.Apply(Manifest(one + scaling + paused)).ShouldBeEmpty();
        fleet.Gateways.Desired.ShouldBe(5, "more were asked for");

        _supervisor.Apply(Manifest(one + paused)).ShouldBeEmpty();
        fleet.Gateways.Desired.ShouldBe(5, "its load decides no more");

        _supervisor.Apply(Manifest(one)).ShouldBeEmpty();
        fleet.Gateways.Desired.ShouldBe(2, "resumed");
    }

    [Fact]
    public void Apply_PausedFleetWhoseWorkloadWasScaledByItsLoad_KeepsItsProcesses()
    {
        var one = Fleet("one", Ports.Free());
        _supervisor.Apply(Manifest(one)).ShouldBeEmpty();
        var fleet = _supervisor.Find("default/one")!;
        // As its connections would have it.
        var workload = fleet.Workloads["echo"];
        workload.Apply(fleet.Fleet.Plan.Workloads.ShouldHaveSingleItem() with { Replicas = 4 });

        _supervisor.Apply(Manifest(one + "\n  paused: true")).ShouldBeEmpty();
        workload.Desired.ShouldBe(4);

        _supervisor.Apply(Manifest(one)).ShouldBeEmpty();
        workload.Desired.ShouldBe(1, "resumed");
    }

    /// <summary>Both would take connections from one queue.</summary>
    [Fact]
    public void Apply_PortThatAPausedFleetHas_IsRefused()
    {
        var (first, second) = (Ports.Free(), Ports.Free());
        _supervisor.Apply(Manifest(Fleet("one", first))).ShouldBeEmpty();
        _supervisor.Apply(Manifest(Fleet("one", first) + "\n  paused: true")).ShouldBeEmpty();

        _supervisor
            .Apply(Manifest(Fleet("one", second) + "\n  paused: true", Fleet("two", first)))
            .ShouldHaveSingleItem()
            .ShouldContain($"default/two: spec.listeners[0].port: listener edge cannot have 127.0.0.1:{first}: default/one");
        _supervisor.Find("default/two").ShouldBeNull();

        _supervisor.Apply(Manifest(Fleet("one", second), Fleet("two", first))).ShouldBeEmpty();
    }

    /// <summary>A gateway that is started anew reads them.</summary>
    [Fact]
    public void Apply_SecretRenamedWhileItsFleetIsPaused_KeepsTheFilesOfTheConfigInForce()
    {
        var fleet = TlsFleet();
        _supervisor.Apply(Manifest(fleet, Secret)).ShouldBeEmpty();
        var pair = _supervisor.Find("default/one")!.Fleet.Plan.Config.Listeners[0].Tls!.Certificates.ShouldHaveSingleItem();
        File.Exists(pair.CertificateFile).ShouldBeTrue();
        var paused = fleet + "\n  paused: true";
        _supervisor.Apply(Manifest(paused, Secret)).ShouldBeEmpty();

        var (edit, renamed) = (fleet.Replace("name: web", "name: net"), Secret.Replace("name: web", "name: net"));
        _supervisor.Apply(Manifest(edit + "\n  paused: true", renamed)).ShouldBeEmpty();
        _supervisor.Apply(Manifest(edit + "\n  paused: true", renamed)).ShouldBeEmpty();

        (File.Exists(pair.CertificateFile), File.Exists(pair.KeyFile)).ShouldBe((true, true));
        _supervisor.Apply(Manifest(edit, renamed)).ShouldBeEmpty();
        File.Exists(pair.CertificateFile).ShouldBeFalse("resumed");
    }

    /// <summary>The config in force goes on to name the files that it had.</summary>
    [Fact]
    public void Apply_SecretRenamedWhileItsPausedFleetIsTakenOut_KeepsTheFilesOfTheConfigInForce()
    {
        var fleet = TlsFleet();
        var (edit, renamed) = (fleet.Replace("name: web", "name: net"), Secret.Replace("name: web", "name: net"));
        var other = Fleet("two", Ports.Free());
        _supervisor.Apply(Manifest(fleet, Secret)).ShouldBeEmpty();
        var pair = _supervisor.Find("default/one")!.Fleet.Plan.Config.Listeners[0].Tls!.Certificates.ShouldHaveSingleItem();
        _supervisor.Override("default/one", static (overrides, manifest) => overrides.Pause(manifest, true));

        _supervisor.Apply(Manifest(other)).ShouldBeEmpty();
        (File.Exists(pair.CertificateFile), File.Exists(pair.KeyFile)).ShouldBe((true, true), "it drains");
        _supervisor.Apply(Manifest(edit, renamed, other)).ShouldBeEmpty();

        var inForce = _supervisor.Find("default/one")!.Fleet.Plan;
        (inForce.Paused, inForce.Config.Listeners[0].Tls!.Certificates.ShouldHaveSingleItem()).ShouldBe((true, pair));
        (File.Exists(pair.CertificateFile), File.Exists(pair.KeyFile)).ShouldBe((true, true), "put back");
        _supervisor.Override("default/one", static (overrides, manifest) => overrides.Pause(manifest, false));
        File.Exists(pair.CertificateFile).ShouldBeFalse("resumed");
    }

    [Fact]
    public void Reload_Refused_KeepsWhatTheAdminApiHasChanged()
    {
        var (one, two) = (Fleet("one", Ports.Free()) + "\n  gateway: {replicas: 2}", Fleet("two", Ports.Free()));
        _supervisor.Apply(Manifest(one, two)).ShouldBeEmpty();
        _supervisor.Override("default/one", static (overrides, manifest) => overrides.Scale(manifest, 4));
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = ((IPEndPoint)other.LocalEndpoint).Port;
        _supervisor.Reload(Manifest(one.Replace("replicas: 2", "replicas: 3"), Fleet("two", taken))).ShouldHaveSingleItem();

        _supervisor.Override("default/two", static (overrides, manifest) => overrides.Pause(manifest, true));

        _supervisor.Find("default/one")!.Gateways.Desired.ShouldBe(4);
        _supervisor.Reload(Manifest(one.Replace("replicas: 2", "replicas: 3"), two)).ShouldBeEmpty();
        _supervisor.Find("default/one")!.Gateways.Desired.ShouldBe(3, "the manifest says something new");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_PausedFleetPutBackWhileItDrains_HasItsPortsAgain(bool byManifest)
    {
        var (port, other) = (Ports.Free(), Fleet("two", Ports.Free()));
        var one = Fleet("one", port);
        _supervisor.Apply(Manifest(one)).ShouldBeEmpty();
        if (byManifest)
        {
            one += "\n  paused: true";
            _supervisor.Apply(Manifest(one)).ShouldBeEmpty();
        }
        else
        {
            _supervisor.Override("default/one", static (overrides, manifest) => overrides.Pause(manifest, true));
        }

        _supervisor.Apply(Manifest(other)).ShouldBeEmpty();
        _supervisor.Apply(Manifest(one, other)).ShouldBeEmpty();

        _supervisor.Find("default/one")!.Fleet.Plan.Paused.ShouldBeTrue();
        using var client = new TcpClient();
        client.Connect(IPAddress.Loopback, port);
    }

    /// <summary>What it had is somebody else's by then.</summary>
    [Fact]
    public void Apply_PausedFleetPutBackAfterItsPortWasGiven_IsRefused()
    {
        var (first, second) = (Ports.Free(), Ports.Free());
        _supervisor.Apply(Manifest(Fleet("one", first))).ShouldBeEmpty();
        _supervisor.Apply(Manifest(Fleet("two", first))).ShouldBeEmpty();

        _supervisor
            .Apply(Manifest(Fleet("one", second) + "\n  paused: true", Fleet("two", first)))
            .ShouldHaveSingleItem()
            .ShouldContain($"listener edge cannot have 127.0.0.1:{first}: default/one");
    }

    /// <summary>Here gateways and workloads do run.</summary>
    [Fact]
    public async Task Run_ClockSetBeforeSomethingPosted_LeavesItsMomentsAlone()
    {
        var noted = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        ChildSlot? slot = null;
        await using var supervisor = new Supervisor(
            _rig.Context,
            _rig.Posted,
            _ =>
            {
                if (slot is { Restarts: 1 } ended)
                {
                    noted.TrySetResult(ended.NotBefore - _rig.Time.GetUtcNow());
                }
            }
        );
        supervisor.Apply(Manifest(Fleet("one", Ports.Free()))).ShouldBeEmpty();
        var run = supervisor.RunAsync();
        await Until.TrueAsync(() => supervisor.Overviews is [{ Gateways.Count: > 0 }], TimeSpan.FromSeconds(60), "a gateway's place");

        _rig.Context.Post(() =>
        {
            slot = supervisor.Find("default/one")!.Gateways.Slots[0];
            _rig.Time.SetForward(TimeSpan.FromHours(1));
            // In the same turn.
            _rig.Context.Post(() => slot.Exited(new ProcessExit(1, null), _rig.Time.GetUtcNow()));
        });

        (await noted.Task.WaitAsync(TimeSpan.FromSeconds(60))).ShouldBeInRange(TimeSpan.Zero, TimeSpan.FromMinutes(1));
        _rig.Context.Post(supervisor.Kill);
        await run.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Run_FleetThatWasTakenOutHasEnded_RemovesTheFilesOfItsSecrets()
    {
        await using var supervisor = new Supervisor(_rig.Context, _rig.Posted, static _ => { });
        supervisor.Apply(Manifest(TlsFleet(), Secret)).ShouldBeEmpty();
        var certificate = supervisor.Find("default/one")!.Fleet.Plan.Config.Listeners[0].Tls!.Certificates[0].CertificateFile;
        var run = supervisor.RunAsync();

        _rig.Context.Post(() => supervisor.Apply(Manifest(Fleet("two", Ports.Free()))));

        await Until.TrueAsync(() => !File.Exists(certificate), TimeSpan.FromSeconds(60), "the end of the file");
        _rig.Context.Post(supervisor.Kill);
        await run.WaitAsync(TimeSpan.FromSeconds(60));
    }

    private HostManifest Manifest(params string[] documents)
    {
        var manifest = HostManifest.Parse(
            string.Join("\n---\n", documents),
            _rig.Context.Options.ManifestPath,
            _rig.Context.Options.Secrets
        );
        manifest.Errors.ShouldBeEmpty();
        return manifest;
    }

    private static string TlsFleet() =>
        Fleet("one", Ports.Free()).Replace("backend: echo}", "backend: echo, tls: {certificateRefs: [{name: web}]}}");

    private static string Fleet(string name, int port) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: {{name}}}
            spec:
              listeners:
              - {name: edge, protocol: TCP, port: {{port}}, backend: echo}
              backends:
              - name: echo
                workload: {image: unused, command: [gateway, bench, echo]}
            """;
}
