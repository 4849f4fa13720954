namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What carries a loop's sessions: sockets, or a test. Called on the loop's thread.</summary>
internal interface IHubTransport
{
    /// <summary>Milliseconds of a steady clock, taken once per turn.</summary>
    long Now { get; }

    /// <summary>A session has something to send: <see cref="HubSession.Out"/> is taken from at the end of the turn.</summary>
    void Flush(HubSession session);

    /// <summary>Ends a session once what waits for it has gone: a close frame, and then the socket.</summary>
    void Close(HubSession session, Protocol.HubDisconnect disconnect);

    /// <summary>Calls <see cref="HubLoop.OnTimer"/> at that time, or before; once, in place of what was asked for before.</summary>
    void WakeAt(HubSession session, long time);

    /// <summary>Takes a place of the session's user (<c>capacity.perUser</c>), as long as its connection lasts.</summary>
    /// <param name="session">With a user.</param>
    /// <param name="answer">After <see cref="PlaceAnswer.Asked"/>, on this loop, while the connection is there: whether there is room. May never be called.</param>
    PlaceAnswer TakePlace(HubSession session, Action<bool> answer);

    /// <summary>Runs <see cref="HubLoop.RunPosted"/> on the loop's thread soon. From any thread.</summary>
    void Wake();
}
