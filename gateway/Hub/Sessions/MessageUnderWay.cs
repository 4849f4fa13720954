using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Where a client's message stands that has come in part.</summary>
internal sealed class MessageUnderWay
{
    public MessageState State;
}
