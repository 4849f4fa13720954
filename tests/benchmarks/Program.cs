using System.CommandLine;
using Mooring.Benchmarks.Backend;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Million;
using Mooring.Benchmarks.Operator;
using Mooring.Benchmarks.Tls;
using Mooring.Benchmarks.Tunnels;
using Mooring.Benchmarks.Udp;
using Mooring.Benchmarks.WebSockets.Echo;
using Mooring.Benchmarks.WebSockets.FanOut;

return await new RootCommand("Mooring's benchmarks, each beside the programs that people use today")
{
    L4Command.Create(),
    TlsCommand.Create(),
    KestrelCommand.Create(),
    LoadCommand.Create(),
    BackendCommand.Create(),
    OperatorCommand.Create(),
    UdpCommand.Create(),
    UdpLoadCommand.Create(),
    TunnelsCommand.Create(),
    HoldCommand.Create(),
    MillionCommand.Create(),
    WsCommand.Create(),
    KestrelEchoCommand.Create(),
    FanOutCommand.Create(),
    FanOutLoadCommand.Create(),
    SignalRCommand.Create(),
    BareCommand.Create(),
}
    .Parse(args)
    .InvokeAsync(
        new InvocationConfiguration
        {
            // On Ctrl-C, the servers under test are given their time to end, so that none is left behind.
            ProcessTerminationTimeout = TimeSpan.FromSeconds(30),
        }
    );
