// Hot path: per message. See tests/benchmarks.
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Takes clients' messages apart into commands and hands each on, in order; holds them while something blocks the session.</summary>
internal sealed class HubReceiver(HubLoop loop)
{
    /// <summary>Commands of one client that wait for something outside; further ones are held.</summary>
    private const int MaxPending = 64;

    /// <summary>Bytes of held messages, with what keeping each costs; over it the client is disconnected.</summary>
    private const int MaxHeldBytes = 256 * 1024;

    private const int HeldOverhead = 64;

    public void Receive(HubSession session, ReadOnlySpan<byte> message)
    {
        if (session.State is SessionState.Refused or SessionState.Closed)
        {
            return;
        }

        if (CanHandle(session) && session.HeldRest is null && session.Held is not { Count: > 0 })
        {
            Handle(session, message, isRest: false, 0);
            return;
        }

        if (session.State == SessionState.Connected && message.SequenceEqual(session.Codec.Ping))
        {
            // What is due by a time waits for nothing else.
            Pong(session);
            return;
        }

        session.HeldBytes += message.Length + HeldOverhead;
        if (session.HeldBytes > MaxHeldBytes)
        {
            loop.Disconnect(session, HubDisconnect.TooManyRequests);
            return;
        }

        (session.Held ??= new Queue<HeldMessage>()).Enqueue(new HeldMessage(message.ToArray(), loop.Node.Time.GetTimestamp()));
    }

    public void Continue(HubSession session)
    {
        while (CanHandle(session))
        {
            if (session.HeldRest is { } rest)
            {
                session.HeldRest = null;
                session.HeldBytes -= rest.Bytes.Length + HeldOverhead;
                Handle(session, rest.Bytes, isRest: true, rest.Came);
            }
            else if (session.Held is { } held && held.TryDequeue(out var message))
            {
                session.HeldBytes -= message.Bytes.Length + HeldOverhead;
                Handle(session, message.Bytes, isRest: false, message.Came);
            }
            else
            {
                session.Held = null;
                return;
            }
        }
    }

    private static bool CanHandle(HubSession session) =>
        !session.IsBlocked && session.Pending < MaxPending && session.State is not (SessionState.Refused or SessionState.Closed);

    /// <param name="session">Whose.</param>
    /// <param name="message">All of it, or what is left of one.</param>
    /// <param name="isRest">Commands of it were handled before.</param>
    /// <param name="came">When, in ticks of the node's clock; 0: just now.</param>
    private void Handle(HubSession session, ReadOnlySpan<byte> message, bool isRest, long came)
    {
        var command = default(HubCommand);
        while (true)
        {
            switch (session.Codec.Read(ref message, ref command))
            {
                case CommandRead.End when isRest:
                    return;
                case CommandRead.End or CommandRead.Invalid:
                    loop.Disconnect(session, HubDisconnect.BadRequest);
                    return;
            }

            isRest = true;
            // A pong is none, and nobody waits for an answer to it.
            var isCommand = command.Method is not (HubMethod.None or HubMethod.Send);
            loop.Counters.Commands += isCommand ? 1 : 0;
            var outer = loop.Enter(came);
            Handle(session, ref command);
            loop.Leave(outer, isCommand);

            if (session.State is SessionState.Refused or SessionState.Closed)
            {
                return;
            }

            if (!message.IsEmpty && !CanHandle(session))
            {
                session.HeldRest = new HeldMessage(message.ToArray(), came == 0 ? loop.Node.Time.GetTimestamp() : came);
                session.HeldBytes += message.Length + HeldOverhead;
                return;
            }
        }
    }

    private void Pong(HubSession session)
    {
        if (session.Pings == 0)
        {
            loop.Disconnect(session, HubDisconnect.BadRequest);
            return;
        }

        // A sign of life, whichever ping it is for.
        session.Pings--;
        session.PongBy = 0;
    }

    private void Handle(HubSession session, ref HubCommand command)
    {
        if (command.Method == HubMethod.None)
        {
            if (command.Id != 0)
            {
                loop.Disconnect(session, HubDisconnect.BadRequest);
                return;
            }

            Pong(session);
            return;
        }

        if (command.Id == 0 && command.Method != HubMethod.Send)
        {
            loop.Disconnect(session, HubDisconnect.BadRequest);
            return;
        }

        if (command.Method == HubMethod.Connect)
        {
            loop.Connects.Handle(session, ref command);
            return;
        }

        if (session.State != SessionState.Connected)
        {
            loop.Disconnect(session, HubDisconnect.BadRequest);
            return;
        }

        switch (command.Method)
        {
            case HubMethod.Publish:
                loop.Channels.Publish(session, ref command);
                break;
            case HubMethod.Subscribe:
                loop.Subscribes.Handle(session, ref command);
                break;
            case HubMethod.Unsubscribe:
                loop.Subscribes.Unsubscribe(session, ref command);
                break;
            case HubMethod.History:
                loop.Channels.History(session, ref command);
                break;
            case HubMethod.Presence:
                loop.Channels.Presence(session, ref command);
                break;
            case HubMethod.PresenceStats:
                loop.Channels.PresenceStats(session, ref command);
                break;
            case HubMethod.Rpc:
                loop.Channels.Rpc(session, ref command);
                break;
            case HubMethod.Refresh:
                loop.Refreshes.Connection(session, ref command);
                break;
            case HubMethod.SubRefresh:
                loop.Refreshes.Subscription(session, ref command);
                break;
            case HubMethod.Ping:
                loop.Send(session, session.Codec.Empty(command.Id, HubMethod.Ping));
                break;
            default:
                // There is nobody to take a client's message that wants no answer.
                loop.Disconnect(session, HubDisconnect.NotAvailable);
                break;
        }
    }
}
