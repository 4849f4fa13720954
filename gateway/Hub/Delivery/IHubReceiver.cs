namespace Mooring.Gateway.Hub.Delivery;

/// <summary>What a broker tells its gateway. Called on any thread, perhaps from within a call to the broker and while it holds a lock.</summary>
/// <remarks>
/// So implementations only note what came and post it to their loops; they neither block nor call the broker. What concerns one channel
/// comes one after the other, in the order of the stream. Memory that is passed may be kept, and is never written to again.
/// </remarks>
internal interface IHubReceiver
{
    /// <summary>A publication of a subscribed channel, this gateway's own ones too. Each comes once, unless <see cref="OnInterrupted"/> says otherwise.</summary>
    /// <param name="channel">As subscribed.</param>
    /// <param name="position">Of the publication; offset 0 and no epoch without history.</param>
    /// <param name="payload">As published.</param>
    void OnPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload);

    /// <summary>Somebody joined or left a subscribed channel.</summary>
    void OnPresence(string channel, bool joined, ReadOnlyMemory<byte> info);

    /// <summary>Another gateway, or this one, sent <see cref="IHubBroker.SendControlAsync"/>.</summary>
    void OnControl(ReadOnlyMemory<byte> message);

    /// <summary>Messages may have been lost: the Hub compares its positions with the broker's now rather than at the next check.</summary>
    /// <param name="channels">Of these; null: of all that are subscribed.</param>
    void OnInterrupted(IReadOnlyCollection<string>? channels);
}
