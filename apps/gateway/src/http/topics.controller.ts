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
} from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Broker, TopicDescription } from '#broker';
import { AlterTopicDto } from './dto/alter-topic.dto.js';
import { CreateTopicDto } from './dto/create-topic.dto.js';
import { present } from './dto/members.js';
import { ListTopicsQuery } from './dto/queries.dto.js';
import { BROKER } from './tokens.js';

@Controller('v1/topics')
export class TopicsController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Post()
  async createTopic(
    @Body() body: CreateTopicDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TopicDescription> {
    const topic = await this.broker.createTopic(present(body));
    reply.header('Location', `/v1/topics/${encodeURIComponent(topic.name)}`);
    return topic;
  }

  @Get()
  async listTopics(
    @Query() query: ListTopicsQuery,
  ): Promise<{ readonly topics: readonly TopicDescription[] }> {
    return { topics: await this.broker.listTopics({ includeInternal: query.internal ?? false }) };
  }

  @Get(':topic')
  describeTopic(@Param('topic') topic: string): Promise<TopicDescription> {
    return this.broker.describeTopic(topic);
  }

  @Patch(':topic')
  alterTopic(
    @Param('topic') topic: string,
    @Body() body: AlterTopicDto,
  ): Promise<TopicDescription> {
    return this.broker.alterTopic(topic, present(body));
  }

  @Delete(':topic')
  @HttpCode(204)
  deleteTopic(@Param('topic') topic: string): Promise<void> {
    return this.broker.deleteTopic(topic);
  }
}
