import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Broker, TopicDescription } from '#broker';
import { PublicAddress } from '../engine/public-address.js';
import { AlterTopicDto } from './dto/alter-topic.dto.js';
import { TopicDto, TopicListDto } from './dto/answers.dto.js';
import { CreateTopicDto } from './dto/create-topic.dto.js';
import { present } from './dto/members.js';
import { ListTopicsQuery } from './dto/queries.dto.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { BROKER } from './tokens.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';

@ApiTags('topics')
@UseGuards(UnknownQueryGuard)
@Controller('v1/topics')
export class TopicsController {
  readonly #broker: Broker;
  readonly #address: PublicAddress;

  constructor(@Inject(BROKER) broker: Broker, @Inject(PublicAddress) address: PublicAddress) {
    this.#broker = broker;
    this.#address = address;
  }

  @Post()
  @ApiOperation({ operationId: 'createTopic', summary: 'Create a topic' })
  @ApiCreatedResponse({
    type: TopicDto,
    description: 'Made.',
    headers: { Location: { description: 'Path of the topic.', schema: { type: 'string' } } },
  })
  @ApiErrors(
    'INVALID_REQUEST',
    'INVALID_TOPIC_EXCEPTION',
    'INVALID_PARTITIONS',
    'INVALID_REPLICATION_FACTOR',
    'INVALID_CONFIG',
    'TOPIC_AUTHORIZATION_FAILED',
    'TOPIC_ALREADY_EXISTS',
    'POLICY_VIOLATION',
    'REQUEST_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  async createTopic(
    @Body() body: CreateTopicDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TopicDescription> {
    const { replicaAssignment, ...request } = present(body);
    // Generated clients send an empty list for an absent one.
    const isAssigned = replicaAssignment !== undefined && replicaAssignment.length > 0;
    const topic = await this.#broker.createTopic(
      isAssigned ? { ...request, replicaAssignment } : request,
    );
    const path = `/v1/topics/${encodeURIComponent(topic.name)}`;
    reply.header('Location', this.#address.pathOf(path));
    return topic;
  }

  @Get()
  @ApiOperation({ operationId: 'listTopics', summary: 'List the topics' })
  @ApiOkResponse({ type: TopicListDto, description: 'The topics, in order of their names.' })
  @ApiErrors('INVALID_REQUEST', 'UNKNOWN_SERVER_ERROR', 'BROKER_NOT_AVAILABLE')
  async listTopics(
    @Query() query: ListTopicsQuery,
  ): Promise<{ readonly topics: readonly TopicDescription[] }> {
    return { topics: await this.#broker.listTopics({ includeInternal: query.internal ?? false }) };
  }

  @Get(':topic')
  @ApiOperation({ operationId: 'describeTopic', summary: 'Show a topic' })
  @ApiOkResponse({ type: TopicDto, description: 'The topic.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
  )
  describeTopic(@Param('topic') topic: string): Promise<TopicDescription> {
    return this.#broker.describeTopic(topic);
  }

  @Patch(':topic')
  @ApiOperation({ operationId: 'alterTopic', summary: 'Add partitions, set configs' })
  @ApiOkResponse({ type: TopicDto, description: 'The topic after the change.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'INVALID_PARTITIONS',
    'INVALID_CONFIG',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'POLICY_VIOLATION',
    'REQUEST_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  alterTopic(
    @Param('topic') topic: string,
    @Body() body: AlterTopicDto,
  ): Promise<TopicDescription> {
    return this.#broker.alterTopic(topic, present(body));
  }

  @Delete(':topic')
  @HttpCode(204)
  @ApiOperation({ operationId: 'deleteTopic', summary: 'Delete a topic with all its records' })
  @ApiNoContentResponse({ description: 'Deleted.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  deleteTopic(@Param('topic') topic: string): Promise<void> {
    return this.#broker.deleteTopic(topic);
  }
}
