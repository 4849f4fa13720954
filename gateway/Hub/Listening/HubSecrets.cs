using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Api;
using Mooring.Gateway.Hub.Authentication;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>Keys of one Hub listener as its files have them now.</summary>
/// <param name="Keys">For tokens; null: there are none.</param>
/// <param name="ApiKeys">Null: the API is off.</param>
/// <param name="Content">Tells one content from another.</param>
internal sealed record HubSecrets(IReadOnlyList<JwtKey>? Keys, ApiKeys? ApiKeys, string Content)
{
    private const long MaxBytes = 1 << 20;

    /// <summary>Reads the files.</summary>
    /// <param name="config">Checked.</param>
    /// <param name="problem">What is wrong with one of them, naming it; null: nothing is.</param>
    public static HubSecrets? Read(HubConfig config, out string? problem)
    {
        problem = null;
        var file = "";
        try
        {
            var content = new StringBuilder();
            List<JwtKey>? keys = config.Jwt is null ? null : [];
            if (config.Jwt?.HmacSecretFile is { } secret)
            {
                var bytes = ReadFile(file = secret);
                content.Append(Convert.ToBase64String(bytes)).Append('|');
                keys!.Add(JwtKeyReader.ReadSecret(bytes));
            }

            if (config.Jwt?.PublicKeysFile is { } pem)
            {
                var text = Encoding.UTF8.GetString(ReadFile(file = pem));
                content.Append(text).Append('|');
                keys!.AddRange(JwtKeyReader.ReadPem(text));
            }

            var apiKeys = new List<string>();
            foreach (var path in config.ApiKeyFiles)
            {
                var key = Encoding.UTF8.GetString(ReadFile(file = path)).TrimEnd('\r', '\n');
                content.Append(key).Append('|');
                if (key.Length is < ApiKeys.MinLength or > ApiKeys.MaxLength || key.Any(static c => c is <= ' ' or > '~'))
                {
                    throw new FormatException($"an API key must have {ApiKeys.MinLength} to {ApiKeys.MaxLength} printable characters");
                }

                apiKeys.Add(key);
            }

            return new HubSecrets(keys, apiKeys.Count > 0 ? new ApiKeys(apiKeys) : null, content.ToString());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            problem = $"{file}: {error.Message}";
            return null;
        }
    }

    // A record prints its members.
    public override string ToString() => nameof(HubSecrets);

    private static byte[] ReadFile(string path)
    {
        var length = new FileInfo(path).Length;
        return length <= MaxBytes
            ? File.ReadAllBytes(path)
            : throw new FormatException($"has {length} bytes; must have at most {MaxBytes}");
    }
}
