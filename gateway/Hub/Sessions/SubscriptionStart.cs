using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What is kept of a subscription until it stands.</summary>
internal sealed class SubscriptionStart
{
    /// <summary>What it waits to be answered by.</summary>
    public SubscribeAnswer Answer { get; init; }

    /// <summary>JSON for the client, in its reply.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Where the client was; null: it does not want what it has missed.</summary>
    public StreamPosition? Recover { get; init; }

    /// <summary>Who cannot be recovered gets an error rather than a fresh start.</summary>
    public bool RejectUnrecovered { get; init; }

    /// <summary>The command whose reply waits for the client to take what came before; null: none does.</summary>
    public CommandUnderWay? Command { get; set; }

    /// <summary>Publications that came before the reply has gone; null: none did.</summary>
    public List<HubPublication>? Early { get; set; }

    /// <summary>Bytes of those.</summary>
    public long EarlyBytes { get; set; }
}

/// <summary>How a subscription is answered.</summary>
/// <param name="Id">The subscribe command's; 0: it was not by a command.</param>
/// <param name="Connect">The connect that waits for it; null: none does, and where there is no command either it is told by a push.</param>
internal readonly record struct SubscribeAnswer(uint Id, PendingConnect? Connect);
