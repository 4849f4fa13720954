using Mooring.Contracts;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Validation;

public sealed class SamplesTests
{
    public static TheoryData<string> Files() =>
        [.. Directory.GetFiles(Repository.PathOf("config", "samples"), "*.yaml").Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void Load_Sample_HasNoErrors(string file)
    {
        var loaded = FleetManifest.Load(File.ReadAllText(Repository.PathOf("config", "samples", file)));

        loaded.Errors.ShouldBeEmpty();
        FleetValidator.Validate(loaded.Fleet!).ShouldBeEmpty();
    }

    [Fact]
    public void Plan_QuickstartOnHost_HasTwoGatewaysAndFourWorkloads()
    {
        var fleet = FleetManifest.Load(File.ReadAllText(Repository.PathOf("config", "samples", "quickstart.yaml"))).Fleet!;

        var plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet, Platform = FleetPlatform.Host });

        plan.GatewayReplicas.ShouldBe(2);
        plan.Workloads.Sum(workload => workload.Replicas).ShouldBe(4);
        plan.Objects.ShouldBeEmpty();
        plan.Config.Listeners.Select(listener => (listener.Name, listener.Port, listener.BindPort, listener.Backend))
            .ShouldBe([("echo", 9000, 0, "echo"), ("live", 9001, 0, "chat")]);
        plan.ConfigHash.ShouldBe(ContractsJson.Hash(plan.Config));
        FleetValidator.ValidateForHost(fleet).ShouldBeEmpty();
    }
}
