using System.Security.Cryptography;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Operator.Host.Processes;
using Mooring.Operator.Host.Sockets;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>The Redis that several gateway processes of a host share, where a fleet needs one and its manifest names none: a child of the supervisor.</summary>
/// <remarks>
/// Used on the supervisor's loop only. It keeps nothing on disk, and in memory as much as it may. It listens on 127.0.0.1 with a random password, in
/// a file for this user only: the gateways' client library cannot connect to Unix sockets.
/// </remarks>
internal sealed class HostRedis(HostContext host)
{
    private const string Program = "redis-server";
    private readonly ChildRunner _runner = new(host);
    private bool _told;

    /// <summary>Its port, from before it is started and for good: the gateways have it in their config. 0: no fleet has needed one.</summary>
    public int Port { get; private set; }

    /// <summary>Null while there is none.</summary>
    public ChildSlot? Slot { get; private set; }

    private string PasswordFile => Path.Combine(host.Options.StateDirectory, "redis.password");

    private string ConfigFile => Path.Combine(host.Options.StateDirectory, "redis.conf");

    /// <summary>The fleet with this Redis in its gateways' config, if it needs it; says so where it needs it and there is no redis-server.</summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="taken">Ports that others have, or are about to have.</param>
    /// <exception cref="IOException">There is no free port.</exception>
    public HostFleet Adapt(HostFleet fleet, IReadOnlySet<int> taken)
    {
        var config = fleet.Plan.Config;
        var needs =
            // What only the load makes several later, and would have to share then, has it from the beginning.
            SharedState.MayBeSeveral(fleet.Fleet.Spec, fleet.Plan.GatewayReplicas)
            && config.Registry is null
            && (config.Capacity.Fleet is not null || SharedState.Lacks(config).Count > 0)
            // The gateways inherit it and go by it.
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("REDIS_ADDRESSES"));
        if (!needs)
        {
            return fleet;
        }

        if (ProcessLauncher.Find(Program, Environment.GetEnvironmentVariable("PATH") ?? "") is null)
        {
            if (!_told)
            {
                _told = true;
                IEnumerable<string> lacks = SharedState.Lacks(config);
                lacks = config.Capacity.Fleet is null
                    ? lacks
                    : lacks.Append("each gateway takes an even share of capacity.fleetConnections");
                host.Say(
                    $"{fleet.Key}: several gateways want a Redis, and there is neither {Program} in the PATH nor spec.registry.redis: "
                        + $"{string.Join("; ", lacks)}; or set spec.gateway.replicas to 1"
                );
            }

            return fleet;
        }

        Port = Port > 0 ? Port : FreePorts.Find(taken);
        var adapted = config with
        {
            Registry = new RegistryConfig
            {
                Redis = new RedisConfig { Addresses = [$"127.0.0.1:{Port}"], PasswordFile = PasswordFile },
            },
        };
        return fleet with { Plan = fleet.Plan with { Config = adapted, ConfigHash = ContractsJson.Hash(adapted) } };
    }

    /// <summary>Whether a plan's gateways use this Redis.</summary>
    public bool Serves(FleetPlan plan) => plan.Config.Registry?.Redis?.PasswordFile == PasswordFile;

    /// <summary>Does what can be done now: starts it, again where it died, or ends it.</summary>
    public void Step(DateTimeOffset now, bool wanted)
    {
        if (wanted && Slot is null)
        {
            Slot = new ChildSlot("redis", 0, Program);
        }

        switch (Slot?.Phase)
        {
            case not (null or SlotPhase.Stopping or SlotPhase.Gone) when !wanted:
                Slot.Stop(now + host.Options.KillAfter, now);
                break;
            case SlotPhase.Waiting when now >= Slot.NotBefore:
                Start(Slot, now);
                break;
            case SlotPhase.Stopping when now >= Slot.Deadline:
                Slot.Process?.Kill();
                break;
        }

        if (Slot?.Phase == SlotPhase.Gone)
        {
            Slot = null;
            StateFile.Delete(PasswordFile);
            StateFile.Delete(ConfigFile);
        }
    }

    private void Start(ChildSlot slot, DateTimeOffset now)
    {
        try
        {
            // The same over restarts: the gateways read it when they connect.
            var password = File.Exists(PasswordFile)
                ? File.ReadAllText(PasswordFile)
                : RandomNumberGenerator.GetHexString(48, lowercase: true);
            Write(PasswordFile, password);
            Write(
                ConfigFile,
                $"""
                bind 127.0.0.1
                port {Port}
                requirepass {password}
                dir {Quote(host.Options.StateDirectory)}
                save ""
                appendonly no
                maxmemory {host.Options.RedisMemory}
                maxmemory-policy noeviction
                daemonize no
                loglevel warning

                """
            );
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            slot.Failed(exception.Message, now);
            host.Say($"redis cannot start: {exception.Message}");
            return;
        }

        if (
            _runner.TryStart(
                slot,
                new ProcessSpec
                {
                    Name = slot.Name,
                    Command = [Program, ConfigFile],
                    Environment = host.Environment.With(),
                },
                Port,
                now
            )
        )
        {
            host.Say(
                $"redis (process {slot.Process!.Id}) on 127.0.0.1:{Port} holds what the gateways share, {host.Options.RedisMemory >> 20} MiB at most"
            );
            slot.Ready(now);
        }
    }

    /// <summary>As one argument of redis.conf, blanks and quotes in it or not.</summary>
    private static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static void Write(string path, string text)
    {
        using var file = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
        file.Write(System.Text.Encoding.UTF8.GetBytes(text));
    }
}
