using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.AdminApi;

[Description("Clients of a fleet's Hubs that do not take what is sent to them, as the gateways say when they are asked.")]
internal sealed record SlowConsumersAnswer
{
    [Description("Those with the most bytes first; 100 of each gateway at most.")]
    public required IReadOnlyList<SlowConsumerDescription> Clients { get; init; }

    [Description("Gateways that did not answer within two seconds, or are of a version that cannot.")]
    public required IReadOnlyList<string> Silent { get; init; }

    public static SlowConsumersAnswer Of(IReadOnlyList<GatewayAnswer> answers) =>
        new()
        {
            Clients =
            [
                .. answers
                    .SelectMany(static one =>
                        (one.Answer?.SlowConsumers ?? []).Select(slow => SlowConsumerDescription.Of(one.Gateway, slow))
                    )
                    .OrderByDescending(static slow => slow.Bytes)
                    .ThenBy(static slow => slow.Client, StringComparer.Ordinal),
            ],
            Silent =
            [
                .. answers
                    .Where(static one => one.Answer?.SlowConsumers is null)
                    .Select(static one => one.Gateway)
                    .Order(StringComparer.Ordinal),
            ],
        };
}

[Description("One client that does not take what is sent to it.")]
internal sealed record SlowConsumerDescription
{
    [Description("That it is connected to.")]
    public required string Gateway { get; init; }

    [Description("Name of the listener.")]
    public required string Listener { get; init; }

    [Description("Client ID; empty before it has said connect.")]
    public required string Client { get; init; }

    [Description("Empty: anonymous.")]
    public required string User { get; init; }

    [Description("Frames that wait for it.")]
    public required int Frames { get; init; }

    [Description("Bytes that wait for it.")]
    public required long Bytes { get; init; }

    [Description("Seconds that the oldest of them has waited.")]
    public required double AgeSeconds { get; init; }

    public static SlowConsumerDescription Of(string gateway, SlowConsumerLoad load) =>
        new()
        {
            Gateway = gateway,
            Listener = load.Listener,
            Client = load.Client,
            User = load.User,
            Frames = load.Frames,
            Bytes = load.Bytes,
            AgeSeconds = load.AgeSeconds,
        };
}
