using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Streams;

/// <summary>What the stream reads from the gateway and does to it. Called from the stream's tasks, one call at a time but for <see cref="Glance"/> and <see cref="Report"/>.</summary>
internal interface IStreamTarget
{
    /// <summary>Hash of the config in force; null without one.</summary>
    string? ConfigHash { get; }

    /// <summary>First message of every session.</summary>
    HelloMessage Hello();

    /// <summary>Puts the config in force and returns nothing, or leaves the one before in force and returns every error with its path.</summary>
    Task<IReadOnlyList<string>> ApplyConfigAsync(ConfigMessage message);

    Task ApplyEndpointsAsync(EndpointsMessage message);

    void ApplyDirective(DirectiveMessage message);

    /// <summary>Answers within seconds, with a problem at least.</summary>
    Task<AnswerMessage> AnswerAsync(QuestionMessage question);

    /// <summary>What decides whether a report is due before its time. Cheap: asked several times a second.</summary>
    LoadGlance Glance();

    ReportMessage Report();
}

/// <summary>The part of a report whose change cannot wait for the next one.</summary>
/// <param name="State">Of the gateway.</param>
/// <param name="Epoch">Fence of the directive in force.</param>
/// <param name="Sequence">Second part of the fence.</param>
/// <param name="Connections">Client connections open now.</param>
/// <param name="Capacity">Connections it takes: zero until the first config is in force.</param>
/// <param name="Registry">Whether the registry answers; null without one that is shared.</param>
/// <param name="Closes">Connections are closed at a pace.</param>
internal readonly record struct LoadGlance(
    GatewayState State,
    long Epoch,
    long Sequence,
    int Connections,
    int Capacity = 0,
    bool? Registry = null,
    bool Closes = false
)
{
    /// <summary>Whether the change since <paramref name="reported"/> is big: state, fence, capacity, that it closes connections, or a tenth of the connections.</summary>
    public bool DiffersMuchFrom(LoadGlance reported) =>
        State != reported.State
        || Epoch != reported.Epoch
        || Sequence != reported.Sequence
        || Capacity != reported.Capacity
        || Registry != reported.Registry
        || Closes != reported.Closes
        || Math.Abs(Connections - reported.Connections) * 10L >= Math.Max(reported.Connections, 1);
}
