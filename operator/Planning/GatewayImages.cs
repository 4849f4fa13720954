namespace Mooring.Operator.Planning;

/// <summary>Which image the gateways run. Pure.</summary>
/// <remarks>
/// An operator that comes with another image leaves the pods of fleets that name none alone: a rollout is the fleet owner's decision. The image
/// that a fleet began with is in its status.
/// </remarks>
internal static class GatewayImages
{
    /// <summary>The image of the gateways.</summary>
    public static string InForce(FleetInput input) => input.Fleet.Spec.Gateway.Image ?? Default(input);

    /// <summary>The image while the spec names none. While it names one, and with Follow, that is the operator's own.</summary>
    public static string Default(FleetInput input)
    {
        var gateway = input.Fleet.Spec.Gateway;
        var status = input.Fleet.Status?.Gateways;
        return gateway is { Image: null, ImagePolicy: "Keep" } && (status?.DefaultImage ?? status?.Image) is { Length: > 0 } kept
            ? kept
            : input.DefaultGatewayImage;
    }
}
