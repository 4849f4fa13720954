using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Installation;
using Mooring.Operator.Tests.Faults;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Installation;

/// <summary>What the chart's hooks run, on an API server that does not always answer well.</summary>
public sealed class InstallationTests : IAsyncLifetime
{
    private readonly StringWriter _output = new();
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { QueriesPerSecond = 0, MaxRetries = 0 }
        );
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _output.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Uninstall_BadAnswersOnTheWay_GoesOnUntilNoFleetIsLeft()
    {
        OperatorOnDouble.PutFleet(_api);
        // To each kind of request one answer of each kind.
        foreach (var (method, path) in new[] { ("GET", "/apiservices/"), ("GET", "/connectionfleets"), ("DELETE", "/connectionfleets/") })
        {
            _api.AddFault(Fault(method, path, 500, null));
            _api.AddFault(Fault(method, path, 200, "<html>"));
        }

        (await Uninstaller().RunAsync(TimeSpan.FromMinutes(2), CancellationToken.None)).ShouldBeTrue(_output.ToString());

        _api.Find(OperatorOnDouble.FleetPath).ShouldBeNull();
        _output.ToString().ShouldContain("no fleet is left");
    }

    [Fact]
    public async Task Uninstall_WhatMayNotGo_HoldsUpNothingElse()
    {
        OperatorOnDouble.PutFleet(_api);
        OperatorOnDouble.PutFleet(_api, Fleets.Small.Replace("name: small", "name: aaa", StringComparison.Ordinal));
        foreach (var fault in new[] { Fault("GET", "/apiservices/", 500, null), Fault("DELETE", "/connectionfleets/aaa", 403, null) })
        {
            fault.Times = int.MaxValue;
            _api.AddFault(fault);
        }

        (await Uninstaller().RunAsync(TimeSpan.Zero, CancellationToken.None)).ShouldBeFalse();

        _api.Find(OperatorOnDouble.FleetPath).ShouldBeNull(_output.ToString());
        _output.ToString().ShouldContain("given up: ");
        _output.ToString().ShouldContain("/aaa");
    }

    [Fact]
    public async Task Uninstall_RegistrationOfNoConcern_IsPassedOver()
    {
        _api.AddFault(Fault("GET", "/apiservices/", 403, null));
        (await Uninstaller().RunAsync(TimeSpan.FromMinutes(2), CancellationToken.None)).ShouldBeTrue(_output.ToString());
    }

    [Fact]
    public async Task Uninstall_ServerThatStaysBad_SaysWhyItGivesUp()
    {
        var fault = Fault("GET", "/connectionfleets", 500, null);
        fault.Times = int.MaxValue;
        _api.AddFault(fault);
        (await Uninstaller().RunAsync(TimeSpan.Zero, CancellationToken.None)).ShouldBeFalse();
        _output.ToString().ShouldContain("given up: ");
    }

    [Fact]
    public async Task Check_AnswerThatIsNoList_IsWhatIsWrong()
    {
        var fault = Fault("GET", "/connectionfleets", 200, "<html>");
        fault.Times = int.MaxValue;
        _api.AddFault(fault);
        var check = new ClusterCheck(_client, TimeProvider.System, _output)
        {
            Namespace = "shop",
            Http = _api.Address,
            Lease = "mooring",
        };

        (await check.RunAsync(TimeSpan.Zero, CancellationToken.None)).ShouldBeFalse();

        _output.ToString().ShouldContain("failed: the definition is served");
    }

    private Uninstaller Uninstaller() => new(_client, TimeProvider.System, _output) { Namespace = "operator", Service = "mooring" };

    private static Fault Fault(string method, string path, int status, string? body) =>
        new()
        {
            Match = request => request.Method == method && request.Path.Contains(path, StringComparison.Ordinal),
            Status = status,
            Body = body,
        };
}
