using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

/// <summary>An operator of another release finds a fleet.</summary>
public sealed class GatewayImagesTests
{
    // Spec's image, policy, status' default image, status' image -> image in force, image that is remembered.
    [Theory]
    [InlineData(null, "Keep", null, null, "new", "new")]
    [InlineData(null, "Keep", "old", "old", "old", "old")]
    [InlineData(null, "Follow", "old", "old", "new", "new")]
    // From a release that did not remember it apart.
    [InlineData(null, "Keep", null, "old", "old", "old")]
    // Named, and then no more: what the operator brings now.
    [InlineData("mine", "Keep", "old", "old", "mine", "new")]
    [InlineData(null, "Keep", "new", "mine", "new", "new")]
    public void InForce_ByWhatSpecAndStatusSay(
        string? named,
        string policy,
        string? remembered,
        string? running,
        string expected,
        string expectedDefault
    )
    {
        var input = new FleetInput
        {
            DefaultGatewayImage = "new",
            Fleet = new ConnectionFleet
            {
                Spec = new FleetSpec
                {
                    Gateway = new GatewaySpec { Image = named, ImagePolicy = policy },
                },
                Status = new FleetStatus
                {
                    Gateways = new GatewaysStatus { DefaultImage = remembered, Image = running },
                },
            },
        };

        GatewayImages.InForce(input).ShouldBe(expected);
        GatewayImages.Default(input).ShouldBe(expectedDefault);
    }
}
