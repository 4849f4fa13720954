using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Draining;

/// <summary>What is open now.</summary>
/// <param name="Open">Client connections of every kind.</param>
/// <param name="Closable">Those of them that can be told to go: open WebSockets that were sent no close yet.</param>
/// <param name="Closing">Those of them that were told, and have not gone yet.</param>
/// <param name="Gone">Those of the closable ones whose listener is gone: they are closed whatever the gateway does.</param>
internal readonly record struct DrainCounts(int Open, int Closable, int Closing, int Gone = 0);

/// <summary>What the gateway is to do until the next step.</summary>
/// <param name="State">As reported to the operator.</param>
/// <param name="Ready">What <c>/health/ready</c> answers: false as soon as a cordon begins.</param>
/// <param name="AcceptNew">False once the lame-duck time is over.</param>
/// <param name="CloseNow">WebSockets to send a close frame now: those whose listener is gone first, then the oldest first.</param>
/// <param name="CloseAll">The deadline has passed: close whatever is open.</param>
internal readonly record struct DrainDecision(GatewayState State, bool Ready, bool AcceptNew, int CloseNow, bool CloseAll);

/// <summary>What became of a directive.</summary>
internal enum DirectiveOutcome
{
    /// <summary>In force now.</summary>
    Accepted,

    /// <summary>The same as the one in force; its time to live starts again.</summary>
    Repeated,

    /// <summary>Its fence is lower than that of the one in force: from a leader that no longer leads, or overtaken on the way.</summary>
    Stale,

    /// <summary>The process is ending: nothing takes that back.</summary>
    Terminating,

    /// <summary>A value is out of range; the one before stays in force.</summary>
    Invalid,
}
